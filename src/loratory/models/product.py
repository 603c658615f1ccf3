"""The product behind every frozen linear layer, by the fastest kernel the processor has for it."""

import os
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from loratory.models.int8 import Int8Matrix

# oneDNN, and PyTorch above it, keep a compiled kernel and its work space for each shape they met:
# 1,024 of them, unless told otherwise before their first use. Flat batches have a new shape every
# step, so that would grow to a gigabyte; only the few dozen of a step are used again.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "64")


def product(x: Tensor, weight: Tensor | Int8Matrix, bias: Tensor | None = None) -> Tensor:
    """Return `x weight^T + bias`: `[tokens, in]` by `[out, in]` gives `[tokens, out]`.

    For float32 on a CPU oneDNN's kernel is called by name: PyTorch's own choice there is MKL, which
    is slower on processors that are not Intel's and far slower for a weight of few rows. The
    operator knows no derivative, so only code that brings its own backward pass may call this.
    """
    if isinstance(weight, Int8Matrix):
        return weight.product(x, bias)
    if is_by_name(x, weight):
        found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return found
    return F.linear(x, weight, bias)


def is_by_name(x: Tensor, weight: Tensor) -> bool:
    """Tell whether the product of the two is one for oneDNN's kernel."""
    plain = (
        x.dtype == weight.dtype == torch.float32 and x.device.type == weight.device.type == "cpu"
    )
    return plain and torch.backends.mkldnn.is_available()


def frozen_linear(x: Tensor, weight: Tensor | Int8Matrix, bias: Tensor | None = None) -> Tensor:
    """Return `product(x, weight, bias)`, of which x alone has a gradient."""
    y: Tensor = _FrozenLinear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return y


class _FrozenLinear(torch.autograd.Function):
    """y = x W^T + b, dL/dx = g W for g = dL/dy."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | Int8Matrix, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return product(gradients[0].contiguous(), ctx.weight.T), None, None
