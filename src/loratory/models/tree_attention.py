"""Attention over a tree of texts: each token attends to those before it on its text's way.

A piece's tokens attend to each other causally, and all that go on from a piece, which follow it
directly, attend to all of it. Of each token the parts are put together by the logarithm l of their
sums of exponentials: with o_i and l_i of the parts

    l = log sum_i exp(l_i)        o = sum_i exp(l_i - l) o_i

The backward pass of each part is that of one attention which is given the whole l and o, since then
exp(score - l) is the weight of a token among all that are attended to, not among the part's. No
product is computed for two tokens that do not see each other.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from loratory.batching.flat import FlatBatch
from loratory.batching.tree import Piece
from loratory.models.attention import Scores, attending

_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def branching(batch: FlatBatch) -> AbstractContextManager[None]:
    """Say that the texts of the batch, which share beginnings, are read around the model's call."""
    return attending(Branches(batch))


class Branches:
    """Attention of a batch whose texts share beginnings."""

    def __init__(self, batch: FlatBatch) -> None:
        self.pieces, self.places = batch.pieces, batch.position_ids
        self.parts = parts_of(batch.pieces)
        self.longest = int(batch.position_ids.max()) + 1
        self._masks: dict[int | None, Tensor] = {}

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        """Return the mixed values, `[1, heads, tokens, width]`."""
        window = scores.window if scores.window and scores.window < self.longest else None
        if window is None and not scores.dropout:
            scale = query.shape[-1] ** -0.5 if scores.scaling is None else scores.scaling
            found: Tensor = TreeAttention.apply(  # type: ignore[no-untyped-call]
                query, key, value, self.parts, scale
            )
            return found
        # Rare: by one mask for the whole batch.
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=self._mask(window),
            dropout_p=scores.dropout,
            scale=scores.scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )

    def _mask(self, window: int | None) -> Tensor:
        """Return which tokens see which, `[tokens, tokens]`; once for all layers."""
        if window not in self._masks:
            size = len(self.places)
            seen = torch.zeros(size, size, dtype=torch.bool, device=self.places.device)
            for readers, read, causal in self.parts:
                seen[readers, read] = True
                if causal:
                    seen[readers, read] = seen[readers, read].tril()
            if window is not None:
                seen &= self.places[:, None] - self.places[None] < window
            self._masks[window] = seen
        return self._masks[window]


class Part(NamedTuple):
    """Tokens that attend, to which tokens, and whether these are the same, each up to itself."""

    readers: slice
    read: slice
    causal: bool


def parts_of(pieces: Sequence[Piece]) -> tuple[Part, ...]:
    """Return the parts of which the attention over a tree is made; those within pieces first."""
    within = [Part(slice(p.start, p.end), slice(p.start, p.end), causal=True) for p in pieces]
    across = [
        Part(slice(p.end, p.reach), slice(p.start, p.end), causal=False)
        for p in pieces
        if p.reach > p.end
    ]
    return (*within, *across)


class TreeAttention(torch.autograd.Function):
    """`TreeAttention.apply(query, key, value, parts, scale)` is the mixed values; on a CPU.

    Query, and the result: `[1, heads, tokens, width]`. Key and value may have fewer heads, each
    shared by a group of query heads. The parts within pieces come first and hold each token once.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, parts: tuple[Part, ...], scale: float
    ) -> Tensor:
        """Return the mixed values."""
        mixed = torch.empty(query.shape, dtype=query.dtype)
        sums = query.new_empty(query.shape[:3])
        for readers, read, causal in parts:
            q, k, v = query[:, :, readers], key[:, :, read], value[:, :, read]
            found, found_sums = _forward(q, k, v, 0.0, causal, scale=scale)
            if causal:
                mixed[:, :, readers], sums[:, :, readers] = found, found_sums
            else:
                _put_together(mixed[:, :, readers], sums[:, :, readers], found, found_sums)
        ctx.save_for_backward(query, key, value, mixed, sums)
        ctx.parts, ctx.scale = parts, scale
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key and value."""
        (gradient,) = gradients
        query, key, value, mixed, sums = ctx.saved_tensors
        grad_q, grad_k, grad_v = (torch.empty_like(whole) for whole in (query, key, value))
        for readers, read, causal in ctx.parts:
            inputs = (gradient[:, :, readers], query[:, :, readers])
            held = (key[:, :, read], value[:, :, read])
            whole = (mixed[:, :, readers], sums[:, :, readers])
            found = _backward(*inputs, *held, *whole, 0.0, causal, scale=ctx.scale)
            for into, part, at in zip(
                (grad_q, grad_k, grad_v), found, (readers, read, read), strict=True
            ):
                if causal:
                    into[:, :, at] = part
                else:
                    into[:, :, at] += part
        return grad_q, grad_k, grad_v, None, None


def _put_together(mixed: Tensor, sums: Tensor, further: Tensor, further_sums: Tensor) -> None:
    """Put a further part of the same tokens into `mixed` and `sums`, in place."""
    whole = torch.logaddexp(sums, further_sums)
    mixed *= (sums - whole).exp()[..., None]
    mixed += further * (further_sums - whole).exp()[..., None]
    sums.copy_(whole)
