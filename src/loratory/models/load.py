"""A base: its network with linear layers everywhere, its tokenizer, its digest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.auto_factory import _BaseAutoModelClass
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
)
from transformers.utils import logging

from loratory.errors import ModelError
from loratory.models.checks import check_model_folder, weight_files
from loratory.models.conv1d import to_linears
from loratory.models.language_head import add_language_head, backbone_of
from loratory.models.network import Network, positions_of
from loratory.models.source import BaseSource, base_source


@dataclass(frozen=True)
class Base:
    """A base model ready for a method and a head."""

    source: BaseSource
    network: Network
    tokenizer: PreTrainedTokenizerBase
    digest: str
    """sha256 over the configuration, the tokenizer's files and the weights."""

    @property
    def positions(self) -> int:
        """Tokens of the longest text the network can read."""
        return self.network.positions


def load_base(
    name: str,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    language_head: bool = False,
) -> Base:
    """Load base `name`, frozen, its dropout off, every projection an `nn.Linear`.

    With `language_head` the network comes with its projection onto the vocabulary.

    Raises:
        ModelError, SecurityError, ResourceError: the files cannot be had, read or trusted.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    source = base_source(name)
    settings = check_model_folder(source.folder)
    check_architecture(settings, source)
    whole = _read_model(source, dtype, AutoModelForCausalLM if language_head else AutoModel)
    model = backbone_of(whole, source) if language_head else whole
    transposed = to_linears(model)
    whole.requires_grad_(requires_grad=False).eval()
    tokenizer = read_tokenizer(source)
    check_vocabulary(tokenizer, model, source)
    network = Network(model.to(device), transposed)
    if language_head:
        add_language_head(network, whole.to(device), source)
    return Base(source, network, tokenizer, _digest(source.folder))


def load_tokenizer(name: str) -> tuple[PreTrainedTokenizerBase, int]:
    """Return base `name`'s tokenizer and its number of positions, without loading weights.

    Raises:
        ModelError, SecurityError, ResourceError: as `load_base`.
    """
    logging.set_verbosity_error()
    source = base_source(name)
    check_architecture(check_model_folder(source.folder), source)
    return read_tokenizer(source), positions_of(read_config(source))


def check_architecture(settings: dict[str, Any], source: BaseSource) -> None:
    """Refuse a base that is no causal language model of transformers' own (MODEL-ARCH)."""
    kind = settings.get("model_type")
    if not isinstance(kind, str) or kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ModelError(
            "MODEL-ARCH",
            "not a causal language model that transformers knows",
            at=str(source.folder / "config.json"),
            got=kind,
            expected="a model_type such as gpt2, llama or qwen2",
            fix="name another base; code that comes with a model is never run",
        )


def read_config(source: BaseSource) -> Any:
    """Return transformers' configuration of the base, with every dropout off."""
    try:
        config = AutoConfig.from_pretrained(source.folder, local_files_only=True)
    except Exception as error:  # noqa: BLE001 - a wrong value may break transformers anywhere
        raise unreadable(source, error) from None
    for setting, value in vars(config).items():
        if ("pdrop" in setting or "dropout" in setting) and isinstance(value, float):
            setattr(config, setting, 0.0)
    return config


def _read_model(source: BaseSource, dtype: torch.dtype, kind: type[_BaseAutoModelClass]) -> Any:
    config = read_config(source)
    try:
        model, info = kind.from_pretrained(
            source.folder,
            config=config,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            generation_config=GenerationConfig(),  # or the folder's would be read, and its code
            key_mapping=_other_names(config) if kind is AutoModel else None,
            output_loading_info=True,
        )
    except Exception as error:  # noqa: BLE001 - a wrong value may break transformers anywhere
        raise unreadable(source, error) from None
    _require_all_weights(info, source)
    return model


def _other_names(config: Any) -> dict[str, str] | None:
    """Return what to make of names in a file that calls the backbone as no other class does.

    Of Llama and its kin that is the class for question answering, whose backbone is `transformer`.
    """
    stock = MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES.get(config.model_type)
    if stock is None or config.architectures != [stock]:
        return None
    return {rf"^{getattr(transformers, stock).base_model_prefix}\.": ""}


def _require_all_weights(info: dict[str, Any], source: BaseSource) -> None:
    """Refuse a network of which a part would stay as it was drawn at random."""
    if missing := sorted(info["missing_keys"]):
        problem, got = f"{len(missing)} of its weights are missing, the first is {missing[0]}", None
    elif other := sorted(info["mismatched_keys"]):
        name, found, expected = other[0]
        problem = f"{name} has not the shape {list(expected)} that config.json asks for"
        got = list(found)
    else:
        return
    raise ModelError(
        "MODEL-FORMAT",
        problem,
        at=str(source.folder),
        got=got,
        fix="copy or download the model again",
    )


def unreadable(source: BaseSource, error: Exception) -> ModelError:
    """Return the error of a base that breaks transformers."""
    return ModelError(
        "MODEL-FORMAT",
        f"transformers cannot read it: {_first_line(error)}",
        at=str(source.folder),
        fix="copy or download the model again",
    )


def read_tokenizer(source: BaseSource) -> PreTrainedTokenizerBase:
    """Return the base's tokenizer.

    Raises:
        ModelError: it cannot be read, or knows no word (MODEL-TOKENIZER).
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            source.folder, local_files_only=True
        )
        # Without any file of its own, transformers makes some tokenizers up, of no word at all.
        if not tokenizer.tokenize("word"):
            raise ValueError("it has no vocabulary")
    except Exception as error:  # noqa: BLE001 - a wrong value may break transformers anywhere
        raise ModelError(
            "MODEL-TOKENIZER",
            f"the tokenizer cannot be read: {_first_line(error)}",
            at=str(source.folder),
            fix="put the model's tokenizer.json beside its weights",
        ) from None
    return tokenizer


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{lines[0]} ({type(error).__name__})"


def check_vocabulary(
    tokenizer: PreTrainedTokenizerBase, model: nn.Module, source: BaseSource
) -> None:
    """Refuse a tokenizer that has more ids than the model has embeddings (MODEL-VOCAB)."""
    embedding: Any = model
    rows = int(embedding.get_input_embeddings().weight.shape[0])
    if len(tokenizer) > rows:
        raise ModelError(
            "MODEL-VOCAB",
            f"the tokenizer has {len(tokenizer):,} ids, the model {rows:,}",
            at=str(source.folder),
            fix="use the tokenizer the model was trained with",
        )


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in [folder / "config.json", *sorted(folder.glob("token*")), *weight_files(folder)]:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
