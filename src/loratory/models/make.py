"""From the recipe's base section to the base: one that has a name, or a new recurrent one."""

import hashlib
from typing import Any, assert_never

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers.utils import logging

from loratory.errors import ConfigError
from loratory.models.checks import check_settings
from loratory.models.load import (
    Base,
    LoadBase,
    check_architecture,
    load_base,
    load_tokenizer,
    read_tokenizer,
)
from loratory.models.network import Network, positions_of
from loratory.models.outline import outline_base
from loratory.models.recurrent import Recurrent, RecurrentConfig
from loratory.models.source import BaseSource, base_source
from loratory.recipe.schema import BaseSection, RecurrentBase
from loratory.recipe.streams import stream_seed

_WIDTH = 768  # of the published student's embedding


def make_base(
    section: BaseSection, *, seed: int, language_head: bool = False, load: LoadBase = load_base
) -> Base:
    """Return the base that a recipe names or describes, frozen; a new one is drawn by `seed`.

    Raises:
        ConfigError: the embedding to copy is of another width (CFG-VALUE).
        ModelError, SecurityError, ResourceError: as `load_base`.
    """
    match section:
        case str():
            return load(section, language_head=language_head)
        case RecurrentBase():
            return _new_recurrent(section, seed, load)
        case _:
            assert_never(section)


def outline(section: BaseSection, *, language_head: bool = False) -> Base:
    """Return the base as `make_base` does, of which only the shapes are known.

    Raises:
        ConfigError, ModelError, SecurityError, ResourceError: as `make_base`.
    """
    match section:
        case str():
            return outline_base(section, language_head=language_head)
        case RecurrentBase():
            source, tokenizer = _tokenizer_of(section)
            width = None
            if section.embedding != "random":
                width = _embedding_of(outline_base(section.tokenizer)).shape[1]
            with torch.device("meta"):
                model = Recurrent(_config(section, tokenizer, width))
            return _as_base(section, source, model, tokenizer, digest="")
        case _:
            assert_never(section)


def tokenizer_for(section: BaseSection) -> tuple[PreTrainedTokenizerBase, int]:
    """Return the base's tokenizer and its number of positions, without any weights.

    Raises:
        ModelError, SecurityError, ResourceError: as `make_base`.
    """
    match section:
        case str():
            return load_tokenizer(section)
        case RecurrentBase():
            return load_tokenizer(section.tokenizer)[0], positions_of(RecurrentConfig())
        case _:
            assert_never(section)


def _new_recurrent(section: RecurrentBase, seed: int, load: LoadBase) -> Base:
    source, tokenizer = _tokenizer_of(section)
    copied = None
    if section.embedding != "random":
        whole = _embedding_of(load(section.tokenizer, language_head=False))
        copied = whole[: len(tokenizer)] / whole[: len(tokenizer)].std()
    model = Recurrent(_config(section, tokenizer, None if copied is None else copied.shape[1]))
    model.draw(torch.Generator().manual_seed(stream_seed(seed, "initialisation", 1)))
    if copied is not None:
        model.embedding.weight.data.copy_(copied)
    digest = _digest(section, tokenizer, copied)
    return _as_base(section, source, model, tokenizer, digest)


def _as_base(
    section: RecurrentBase,
    source: BaseSource,
    model: Recurrent,
    tokenizer: PreTrainedTokenizerBase,
    digest: str,
) -> Base:
    fixed = (f"{model.base_model_prefix}.embedding",) if section.embedding == "frozen" else ()
    network = Network(model, flat=False).requires_grad_(requires_grad=False).eval()
    return Base(source, network, tokenizer, digest, fixed)


def _tokenizer_of(section: RecurrentBase) -> tuple[BaseSource, PreTrainedTokenizerBase]:
    logging.set_verbosity_error()
    source = base_source(section.tokenizer, weights=False)
    check_architecture(check_settings(source.folder), source)
    return source, read_tokenizer(source)


def _embedding_of(base: Base) -> Tensor:
    """Return the base's embedding, `[vocabulary, width]`."""
    backbone: Any = base.network.get_submodule(base.network.prefix)
    embedding: Tensor = backbone.get_input_embeddings().weight.detach()
    return embedding


def _config(
    section: RecurrentBase, tokenizer: PreTrainedTokenizerBase, copied: int | None
) -> RecurrentConfig:
    if copied is not None and section.embedding_size not in (None, copied):
        raise ConfigError(
            "CFG-VALUE",
            f"the embedding of {section.tokenizer} has another width",
            at="base.embedding_size",
            got=section.embedding_size,
            expected=f"{copied}",
            fix="leave base.embedding_size out, or set base.embedding to random",
        )
    return RecurrentConfig(
        vocab_size=len(tokenizer),
        cell=section.cell,
        embedding_size=section.embedding_size or copied or _WIDTH,
        state_size=section.hidden_size,
        layers=section.layers,
        bidirectional=section.bidirectional,
        pooling=section.pooling,
    )


def _digest(
    section: RecurrentBase, tokenizer: PreTrainedTokenizerBase, copied: Tensor | None
) -> str:
    """Return a sha256 of all that the network follows from but its seed."""
    whole = hashlib.sha256(section.model_dump_json(exclude={"tokenizer"}).encode())
    whole.update(repr(sorted(tokenizer.get_vocab().items())).encode())
    whole.update(tokenizer.backend_tokenizer.to_str().encode())
    if copied is not None:
        whole.update(copied.contiguous().numpy().tobytes())
    return whole.hexdigest()
