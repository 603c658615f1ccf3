"""LoRA's layer as one differentiable function.

    y = x W^T + b + s (d(x) A^T) B^T        s = alpha / r, d = dropout

W is frozen: no gradient for it is ever computed, and W + s B A is never formed; b may train. Kept
for the backward pass are x, the `[tokens, r]` product d(x) A^T and, with dropout, one byte for each
x.
With g = dL/dy and h = s g B:

    dL/dx = g W + d'(h A)        dL/dA = h^T d(x)        dL/dB = s g^T (d(x) A^T)
    dL/db = the sum of g's rows

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.
"""

from typing import Any

import torch
from torch import Tensor

from loratory.models.int8 import Int8Matrix
from loratory.models.product import product


class LoraProduct(torch.autograd.Function):
    """`LoraProduct.apply(x, weight, bias, lora_a, lora_b, scaling, dropout)` is y."""

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917 - the parts of the equation above
        ctx: Any,
        x: Tensor,
        weight: Tensor | Int8Matrix,
        bias: Tensor | None,
        lora_a: Tensor,
        lora_b: Tensor,
        scaling: float,
        dropout: float,
    ) -> Tensor:
        """Return y, `[tokens, out]`, for x, `[tokens, in]`."""
        kept = _kept(x, dropout)
        low = product(_dropped(x, kept, dropout), lora_a.to(x.dtype))
        y = product(x, weight, bias)
        y.addmm_(low, lora_b.to(x.dtype).T, alpha=scaling)
        ctx.save_for_backward(x, lora_a, lora_b, low, kept)
        ctx.weight, ctx.scaling, ctx.dropout = weight, scaling, dropout
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, the bias, `lora_a` and `lora_b`; the weight gets none."""
        (g,) = gradients
        x, lora_a, lora_b, low, kept = ctx.saved_tensors
        g = g.contiguous()
        h = product(g, (ctx.scaling * lora_b).to(g.dtype).T)
        grad_a = (h.T @ _dropped(x, kept, ctx.dropout)).to(lora_a.dtype)
        # [r, out] first: the product runs several times faster that way round.
        grad_b = (ctx.scaling * (low.T @ g)).T.to(lora_b.dtype)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = product(g, ctx.weight.T)
            if kept is None:
                grad_x.addmm_(h, lora_a.to(h.dtype))
            else:
                grad_x += _dropped(h @ lora_a.to(h.dtype), kept, ctx.dropout)
        grad_bias = g.sum(0) if ctx.needs_input_grad[2] else None
        return grad_x, None, grad_bias, grad_a, grad_b, None, None


def _kept(x: Tensor, dropout: float) -> Tensor | None:
    """Draw which entries of x stay; None without dropout."""
    return torch.rand_like(x, dtype=torch.float32) >= dropout if dropout else None


def _dropped(x: Tensor, kept: Tensor | None, dropout: float) -> Tensor:
    return x if kept is None else x * kept / (1 - dropout)
