"""log p(token) under a frozen projection onto the vocabulary, without the scores of all of it.

    scores l = x W^T + b        log p(t) = l_t - log sum exp(l)        d log p(t) / dx = W_t - p W

W is gone through once, a few thousand tokens at a time, whose scores stay in the processor's cache:
the sum and p W are those so far, scaled down when a greater score turns up. It is what
FlashAttention does with keys (Dao et al. 2022, arXiv:2205.14135), of which W is both these and the
values here. `[positions, vocabulary]` numbers are never held, and those that are needed for the
gradient are `[positions, hidden]`.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from loratory.models.product import product

# Tokens of the vocabulary at a time. From 2,048 to 8,192 made no difference for 16 to 400 positions
# of GPT-2 small; below, the products become slow.
_AT_A_TIME = 4096


class TokenScores(NamedTuple):
    """What a network says of given tokens, `[positions]` each."""

    log_p: Tensor
    """log p(token), float32 at least."""

    hits: Tensor
    """Whether no other token was likelier."""


def frozen_token_scores(
    x: Tensor, weight: Tensor, bias: Tensor | None, tokens: Tensor
) -> TokenScores:
    """Return what the scores `x weight^T + bias` say of `tokens`; x alone has a gradient.

    x is `[positions, hidden]`, the weight `[vocabulary, hidden]`, tokens `[positions]`.
    """
    return TokenScores(*_FrozenLogP.apply(x, weight, bias, tokens))  # type: ignore[no-untyped-call]


class _FrozenLogP(torch.autograd.Function):
    """log p of the tokens, and whether they are hits."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, tokens: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log p of the tokens and whether they are hits."""
        learns = ctx.needs_input_grad[0]
        wide = torch.promote_types(x.dtype, torch.float32)
        highest = x.new_full((len(x),), -torch.inf, dtype=wide)
        total, of_token = torch.zeros_like(highest), torch.zeros_like(highest)
        mean = torch.zeros_like(x, dtype=wide) if learns else None
        for start in range(0, len(weight), _AT_A_TIME):
            part = weight[start : start + _AT_A_TIME]
            shift = None if bias is None else bias[start : start + _AT_A_TIME]
            scores = product(x, part, shift).to(wide)
            place = tokens - start
            here = (place >= 0) & (place < len(part))
            found = scores.gather(1, place.clamp(0, len(part) - 1)[:, None])[:, 0]
            of_token = torch.where(here, found, of_token)
            before, highest = highest, torch.maximum(highest, scores.amax(1))
            scale = (before - highest).exp()
            weights = scores.sub_(highest[:, None]).exp_()
            total = total * scale + weights.sum(1)
            if mean is not None:
                mean.mul_(scale[:, None]).add_(product(weights.to(x.dtype), part.T))
        if mean is not None:
            slope = weight[tokens].to(wide) - mean / total[:, None]
            ctx.save_for_backward(slope.to(x.dtype))
        hits = of_token >= highest
        ctx.mark_non_differentiable(hits)
        return of_token - highest - total.log(), hits

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient of x."""
        (slope,) = ctx.saved_tensors
        return gradients[0][:, None].to(slope.dtype) * slope, None, None, None
