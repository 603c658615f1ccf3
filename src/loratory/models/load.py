"""A base: its network with linear layers everywhere, its tokenizer, its digest."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import transformers
from torch import Tensor, nn
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
    MODEL_MAPPING_NAMES,
)
from transformers.utils import logging

from loratory.errors import ModelError
from loratory.models.checks import check_model_folder, check_settings, weight_files
from loratory.models.conv1d import to_linears
from loratory.models.frozen_linear import to_frozen
from loratory.models.gelu import to_few_passes
from loratory.models.language_head import add_language_head, backbone_of
from loratory.models.network import Network, positions_of
from loratory.models.recurrent import RecurrentConfig
from loratory.models.source import BaseSource, base_source

_CLASSES: dict[Any, Any] = {
    AutoModel: MODEL_MAPPING_NAMES,
    AutoModelForCausalLM: MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
}


@dataclass(frozen=True)
class Base:
    """A base model ready for a method and a head."""

    source: BaseSource
    network: Network
    tokenizer: PreTrainedTokenizerBase
    digest: str
    """sha256 over the configuration, the tokenizer's files and the weights."""

    fixed: tuple[str, ...] = ()
    """Modules of the network that no method trains."""

    @property
    def positions(self) -> int:
        """Tokens of the longest text the network can read."""
        return self.network.positions


class LoadBase(Protocol):
    """Loads a base, as `load_base` does."""

    def __call__(self, name: str, /, *, language_head: bool) -> Base:
        """Return the base called `name`, in float32 and on the CPU."""


def load_base(
    name: str,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    language_head: bool = False,
    weights: Mapping[str, Tensor] | None = None,
) -> Base:
    """Load base `name`, frozen, its dropout off, every projection an `nn.Linear`.

    With `language_head` the network comes with its projection onto the vocabulary. `weights` take
    the place of those in its files, under transformers' names; then it has no digest.

    Raises:
        ModelError, SecurityError, ResourceError: the files cannot be had, read or trusted.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    source = base_source(name)
    if weights is None:
        settings = check_model_folder(source.folder)
        _refuse_quantised(settings, source)
    else:
        settings = check_settings(source.folder)
    check_architecture(settings, source, words=language_head)
    kind = AutoModelForCausalLM if language_head else AutoModel
    whole = _read_model(source, dtype, kind, weights)
    model = backbone_of(whole, source) if language_head else whole
    transposed = to_linears(model)
    to_frozen(model)
    to_few_passes(model)
    whole.requires_grad_(requires_grad=False).eval()
    tokenizer = read_tokenizer(source)
    check_vocabulary(tokenizer, model, source)
    network = Network(model.to(device), transposed)
    if language_head:
        add_language_head(network, whole.to(device), source)
    digest = base_digest(source.folder) if weights is None else ""
    return Base(source, network, tokenizer, digest)


def load_tokenizer(name: str) -> tuple[PreTrainedTokenizerBase, int]:
    """Return base `name`'s tokenizer and its number of positions, without loading weights.

    Raises:
        ModelError, SecurityError, ResourceError: as `load_base`.
    """
    logging.set_verbosity_error()
    source = base_source(name)
    check_architecture(check_model_folder(source.folder), source)
    return read_tokenizer(source), positions_of(read_config(source))


def check_architecture(
    settings: dict[str, Any], source: BaseSource, *, words: bool = False
) -> None:
    """Refuse what is neither a causal language model of transformers' own nor a recurrent network.

    A recurrent network is refused too where the base's `words` are needed: it has none.

    Raises:
        ModelError: MODEL-ARCH.
    """
    kind = settings.get("model_type")
    wordless = () if words else (RecurrentConfig.model_type,)
    if not isinstance(kind, str) or kind not in (*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *wordless):
        raise ModelError(
            "MODEL-ARCH",
            "not a causal language model that transformers knows",
            at=str(source.folder / "config.json"),
            got=kind,
            expected="a model_type such as gpt2, llama or qwen2",
            fix="name another base; code that comes with a model is never run",
        )


def _refuse_quantised(settings: dict[str, Any], source: BaseSource) -> None:
    if settings.get("quantization_config"):
        raise ModelError(
            "MODEL-QUANT",
            "its weights are quantised, and only whole ones can be tuned",
            at=str(source.folder),
            fix="name the base before it was quantised; what `loratory quantize` wrote is for "
            "`loratory predict` and `loratory evaluate`",
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


def _read_model(
    source: BaseSource,
    dtype: torch.dtype,
    kind: type[_BaseAutoModelClass],
    weights: Mapping[str, Tensor] | None,
) -> Any:
    config = read_config(source)
    reader: Any = kind
    if weights is not None:
        # A general class asks for a folder, and a class takes either a folder or weights.
        reader = getattr(transformers, _CLASSES[kind][config.model_type])
        config.quantization_config = None
    try:
        model, info = reader.from_pretrained(
            None if weights is not None else source.folder,
            config=config,
            state_dict=weights,
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


def base_digest(folder: Path) -> str:
    """Return the sha256 over a base's configuration, tokenizer files and weights."""
    whole = hashlib.sha256()
    for path in [folder / "config.json", *sorted(folder.glob("token*")), *weight_files(folder)]:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
