"""Attention for flat batches: every text attends to its own earlier tokens and to nothing else.

It is registered with transformers under `NAME`; the model's own code calls it in every layer. How
the tokens of the flat sequence belong together is said by `attending` (most simply by `texts_at`)
around the call of the model.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface

from loratory.models.blocks import Blocks

NAME = "loratory_flat"

# What some models pass to attention beyond plain causal attention; none of it is computed here.
_NOT_COMPUTED = ("softcap", "s_aux", "position_bias")


class UnsupportedAttentionError(Exception):
    """The model asks its attention for something that is not computed here."""


@dataclass(frozen=True)
class Scores:
    """What a layer says about its scores."""

    dropout: float = 0.0
    scaling: float | None = None
    """What products of query and key are multiplied by; None: 1 / sqrt(width)."""

    window: int | None = None
    """How many tokens back a token sees, itself included; None: all."""


class Attend(Protocol):
    """Attends over the flat sequence, whatever it is made of.

    Query, and the result: `[1, heads, tokens, width]`. Key and value may have fewer heads, each
    shared by a group of query heads.
    """

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        """Return the mixed values."""


_attend: ContextVar[Attend] = ContextVar("how the flat sequence attends")


@contextmanager
def attending(attend: Attend) -> Iterator[None]:
    """Say how the flat sequence attends."""
    token = _attend.set(attend)
    try:
        yield
    finally:
        _attend.reset(token)


@contextmanager
def attending_through(wrap: Callable[[Attend], Attend]) -> Iterator[None]:
    """Put something around how the flat sequence attends."""
    with attending(wrap(_attend.get())):
        yield


@contextmanager
def texts_at(bounds: tuple[tuple[int, int], ...]) -> Iterator[None]:
    """Say where each text begins and ends within the flat sequence."""
    with attending(Texts(bounds)):
        yield


class Texts:
    """Attention of whole texts, each to itself."""

    def __init__(self, bounds: tuple[tuple[int, int], ...]) -> None:
        self.lengths = tuple(end - start for start, end in bounds)
        self._blocks: Blocks | None = None

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        """Return the mixed values, `[1, heads, tokens, width]`."""
        if query.device.type == "cpu":
            return one_by_one(query, key, value, scores, self.lengths)
        if self._blocks is None:  # once for all layers
            self._blocks = Blocks.of(self.lengths, query.device)
        return blockwise(query, key, value, scores, self._blocks)


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
    """Attend as `attending` says: `[1, heads, tokens, width]` to `[1, tokens, heads, width]`."""
    del module, attention_mask
    if asked := [name for name in _NOT_COMPUTED if further.get(name) is not None]:
        raise UnsupportedAttentionError(", ".join(asked))
    wide = _wide(query)
    scores = Scores(dropout, scaling, sliding_window)
    mixed = _attend.get()(query.to(wide), key.to(wide), value.to(wide), scores)
    return mixed.transpose(1, 2).to(query.dtype), None


def one_by_one(
    query: Tensor, key: Tensor, value: Tensor, scores: Scores, lengths: tuple[int, ...]
) -> Tensor:
    """Attend within texts of these lengths, one call each: on a CPU the fastest.

    Query, and the result: `[1, heads, tokens, width]`.
    """
    # Split and joined once each: a slice per text would cost a whole sequence of zeros in backward.
    texts = zip(*(part.split(lengths, dim=2) for part in (query, key, value)), strict=True)
    return torch.cat([causal(q, k, v, scores) for q, k, v in texts], dim=2)


def blockwise(query: Tensor, key: Tensor, value: Tensor, scores: Scores, blocks: Blocks) -> Tensor:
    """Attend within texts, those of about one length together: on a GPU each call costs the same.

    Query, and the result: `[1, heads, tokens, width]`. A shorter text of a block is filled up
    behind its end, where its own tokens never look.
    """
    heads, _, width = query.shape[1:]
    group = heads // key.shape[1]
    mixed = []
    for places in blocks.places:
        q, k, v = (_placed(part, places) for part in (query, key, value))
        if group > 1:  # not every kernel knows shared heads
            k, v = (part.repeat_interleave(group, dim=1) for part in (k, v))
        block = causal(q, k, v, scores)
        mixed.append(block.transpose(1, 2).reshape(-1, heads, width))
    return torch.cat(mixed).index_select(0, blocks.back).transpose(0, 1)[None]


def _placed(part: Tensor, places: Tensor) -> Tensor:
    """Return `[1, heads, tokens, width]` as a block, `[texts, heads, longest, width]`."""
    heads, _, width = part.shape[1:]
    found = part[0].index_select(1, places.flatten())
    return found.view(heads, *places.shape, width).transpose(0, 1)


def causal(query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
    """Attend from each token to itself and those before it, `[texts, heads, length, width]`."""
    mask = _window_mask(query.shape[2], scores.window, query.device)
    return F.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=scores.dropout,
        is_causal=mask is None,
        scale=scores.scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )


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
