"""LoRA's layer with the rounded whole of its weight, as one differentiable function.

    y = x R(W + s B A)^T + b

R passes the gradient on as it is (models/rounding.py). So that of the update is the one it has
without rounding, and the weight's own, a matrix as large as the weight, is never formed. With
g = dL/dy and h = s g B:

    dL/dx = g R(W + s B A)        dL/dA = h^T x        dL/dB = s g^T (x A^T)
"""

from typing import Any

import torch
from torch import Tensor

from loratory.models.product import product


class RoundedLoraProduct(torch.autograd.Function):
    """`RoundedLoraProduct.apply(x, rounded, bias, lora_a, lora_b, scaling)` is y."""

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917 - the parts of the equation above
        ctx: Any,
        x: Tensor,
        rounded: Tensor,
        bias: Tensor | None,
        lora_a: Tensor,
        lora_b: Tensor,
        scaling: float,
    ) -> Tensor:
        """Return y, `[tokens, out]`, for x, `[tokens, in]`, and the weight rounded already."""
        ctx.save_for_backward(x, lora_a, lora_b)
        ctx.rounded, ctx.scaling = rounded, scaling
        return product(x, rounded, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, the bias, `lora_a` and `lora_b`; the weight gets none."""
        x, lora_a, lora_b = ctx.saved_tensors
        g = gradients[0].contiguous()
        h = product(g, (ctx.scaling * lora_b).to(g.dtype).T)
        low = product(x, lora_a.to(x.dtype))
        grad_a = (h.T @ x).to(lora_a.dtype)
        # [r, out] first: the product runs several times faster that way round.
        grad_b = (ctx.scaling * (low.T @ g)).T.to(lora_b.dtype)
        grad_x = product(g, ctx.rounded.T) if ctx.needs_input_grad[0] else None
        grad_bias = g.sum(0) if ctx.needs_input_grad[2] else None
        return grad_x, None, grad_bias, grad_a, grad_b, None
