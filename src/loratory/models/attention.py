"""Attention for flat batches: every text attends to its own earlier tokens and to nothing else.

It is registered with transformers under `NAME`; the model's own code calls it in every layer. Which
tokens form a text is said by `texts_at` around the call of the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface

NAME = "loratory_flat"

_bounds: ContextVar[tuple[tuple[int, int], ...]] = ContextVar("bounds of the texts")

# What some models pass to attention beyond plain causal attention; none of it is computed here.
_NOT_COMPUTED = ("softcap", "s_aux", "position_bias")


class UnsupportedAttentionError(Exception):
    """The model asks its attention for something that is not computed here."""


@contextmanager
def texts_at(bounds: tuple[tuple[int, int], ...]) -> Iterator[None]:
    """Say where each text begins and ends within the flat sequence."""
    token = _bounds.set(bounds)
    try:
        yield
    finally:
        _bounds.reset(token)


def flat_attention(  # noqa: PLR0913 - transformers fixes the arguments
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **further: Any,
) -> tuple[Tensor, None]:
    """Attend within each text: `[1, heads, tokens, width]` to `[1, tokens, heads, width]`.

    Key and value may have fewer heads, each shared by a group of query heads.
    """
    del module, attention_mask
    if asked := [name for name in _NOT_COMPUTED if further.get(name) is not None]:
        raise UnsupportedAttentionError(", ".join(asked))
    lengths = [end - start for start, end in _bounds.get()]
    wide = _wide(query)
    # Split and joined once each: a slice per text would cost a whole sequence of zeros in backward.
    texts = zip(*(part.to(wide).split(lengths, dim=2) for part in (query, key, value)), strict=True)
    mixed = []
    for length, (text_query, text_key, text_value) in zip(lengths, texts, strict=True):
        mask = _window_mask(length, sliding_window, query.device)
        mixed.append(
            F.scaled_dot_product_attention(
                text_query,
                text_key,
                text_value,
                attn_mask=mask,
                dropout_p=dropout,
                is_causal=mask is None,
                scale=scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            )
        )
    return torch.cat(mixed, dim=2).transpose(1, 2).to(query.dtype), None


def _wide(query: Tensor) -> torch.dtype:
    """Return the number format to attend in; on a CPU the bfloat16 kernel is the slower one."""
    on_cpu = query.device.type == "cpu" and query.dtype == torch.bfloat16
    return torch.float32 if on_cpu else query.dtype


def _window_mask(length: int, window: int | None, device: torch.device) -> Tensor | None:
    """Return which tokens see which, `[length, length]`; None where plain causality says it."""
    if window is None or length <= window:
        return None
    seen = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return seen.triu(1 - window)


def _no_mask(*_: Any, **__: Any) -> None:
    """Build no mask: the bounds say it all."""


AttentionInterface.register(NAME, flat_attention)
AttentionMaskInterface.register(NAME, _no_mask)
