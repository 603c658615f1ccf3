"""A network in a GGUF file, the format of llama.cpp, as transformers' own reader reads it.

The file says all there is to say: settings, tokens and weights. It holds numbers and texts, and
nothing that could run. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import io
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from loratory.models.load import Base, load_base, read_config, unreadable
from loratory.models.onnx_file import require_digest
from loratory.models.source import BaseSource

FILE = "model.gguf"
_FILE_ONLY = {"gguf_file": FILE, "local_files_only": True}


def load_gguf(folder: Path, sha256: str) -> Base:
    """Return the base in an exported folder, whose file has this digest, in float32.

    Raises:
        RunError: the file is not there, or not the one with this digest (CKPT-BAD).
        ModelError, SecurityError: the files cannot be read or trusted.
    """
    require_digest(folder / FILE, sha256)
    weights = read_gguf(folder, read_config(_source(folder))).state_dict()
    return replace(load_base(str(folder), language_head=True, weights=weights), digest=sha256)


def read_gguf(folder: Path, config: Any = None) -> Any:
    """Return transformers' causal language model of the folder's GGUF file, in float32.

    Without a configuration, that is made of the file too, which takes as long again.

    Raises:
        ModelError: transformers cannot read the file (MODEL-FORMAT).
    """
    reader: Any = AutoModelForCausalLM
    try:
        # Its progress bar cannot be turned off.
        with redirect_stderr(io.StringIO()):
            model, info = reader.from_pretrained(
                folder,
                config=config or _config(folder),
                dtype=torch.float32,
                output_loading_info=True,
                **_FILE_ONLY,
            )
        if missing := info["missing_keys"]:
            raise ValueError(f"it lacks {min(missing)}")
    except Exception as error:  # noqa: BLE001 - a wrong value may break transformers anywhere
        raise unreadable(_source(folder), error) from None
    return model.eval()


def read_gguf_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return transformers' tokenizer, made of the folder's GGUF file alone.

    It splits texts into words as GPT-2's does, also where the file names another way.
    """
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, **_FILE_ONLY)
    return tokenizer


def _config(folder: Path) -> Any:
    config = AutoConfig.from_pretrained(folder, **_FILE_ONLY)
    if config.model_type == "gpt2":
        # Transformers reads these two under names that its own class does not know.
        config.n_positions, config.n_inner = config.n_ctx, config.feed_forward_length
    return config


def _source(folder: Path) -> BaseSource:
    return BaseSource(str(folder), "folder", folder.resolve())
