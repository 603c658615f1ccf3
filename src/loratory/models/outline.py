"""A base of which only the shapes are known: its network on the meta device, from its settings.

No weight is read, fetched or made up, so that a large base costs no more than a small one. What the
network would compute is unknown too: methods and tasks can be put into it, and counted.
"""

from typing import Any

import torch
from transformers import AutoModel, AutoModelForCausalLM
from transformers.utils import logging

from loratory.models.checks import check_settings
from loratory.models.conv1d import to_linears
from loratory.models.language_head import backbone_of, take_output_matrix
from loratory.models.load import (
    Base,
    check_architecture,
    check_vocabulary,
    read_config,
    read_tokenizer,
    unreadable,
)
from loratory.models.network import Network
from loratory.models.source import BaseSource, base_source


def outline_base(name: str, *, language_head: bool = False) -> Base:
    """Return base `name` as `load_base` does, without its weights and their digest.

    Whether the base reads flat batches cannot be tried out without weights; it is taken to.

    Raises:
        ModelError, SecurityError, ResourceError: the files cannot be had, read or trusted.
    """
    logging.set_verbosity_error()
    source = base_source(name, weights=False)
    check_architecture(check_settings(source.folder), source)
    whole = _drawn(source, AutoModelForCausalLM if language_head else AutoModel)
    model = backbone_of(whole, source) if language_head else whole
    transposed = to_linears(model)
    whole.requires_grad_(requires_grad=False).eval()
    tokenizer = read_tokenizer(source)
    check_vocabulary(tokenizer, model, source)
    network = Network(model, transposed, flat=True)
    if language_head:
        take_output_matrix(network, whole, source)
    return Base(source, network, tokenizer, digest="")


def _drawn(source: BaseSource, kind: Any) -> Any:
    config = read_config(source)
    try:
        with torch.device("meta"):
            return kind.from_config(config, dtype=torch.float32)
    except Exception as error:  # noqa: BLE001 - a wrong value may break transformers anywhere
        raise unreadable(source, error) from None
