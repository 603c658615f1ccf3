"""GPT-2's activation in a few passes over the widest states of a block.

    gelu(x) = x / 2 (1 + tanh(u / 2)) = x s        s = 1 / (1 + exp(-u)), u = c x + d x^3
    dgelu/dx = s + x s (1 - s) (c + 3 d x^2)       c = 2 sqrt(2 / pi), d = 0.044715 c

Transformers spells the first form out in eight passes. PyTorch has it in one, but with a tanh that
takes six times as long as the exponential; so in float32 on a CPU the second form is computed. Of
the widest states x alone is kept for the backward pass: s costs it 1 % of a block's time to compute
again, and would be a fifth of all that is kept.

Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415.
"""

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.activations import NewGELUActivation

_C = 2 * math.sqrt(2 / math.pi)
_D = 0.044715 * _C


class Gelu(nn.Module):
    """The activation, `[..., n]` to `[..., n]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return gelu(x)."""
        if x.dtype != torch.float32 or x.device.type != "cpu":
            return F.gelu(x, approximate="tanh")
        if not (torch.is_grad_enabled() and x.requires_grad):
            return _sigmoid(x).mul_(x)
        y: Tensor = _Gelu.apply(x)  # type: ignore[no-untyped-call]
        return y


def to_few_passes(module: nn.Module) -> None:
    """Put it in place of every such activation of transformers in `module`."""
    names = [name for name, part in module.named_modules() if isinstance(part, NewGELUActivation)]
    for name in names:
        module.set_submodule(name, Gelu())


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _sigmoid(x).mul_(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        s = _sigmoid(x)
        slope = torch.addcmul(_constants(x.shape[-1]), x, x, value=3 * _D).mul_(x).mul_(s)
        return slope.addcmul_(slope, s, value=-1).add_(s).mul_(gradients[0])


def _sigmoid(x: Tensor) -> Tensor:
    """Return s."""
    return torch.addcmul(_constants(x.shape[-1]), x, x, value=_D).mul_(x).sigmoid_()


@lru_cache(maxsize=8)
def _constants(width: int) -> Tensor:
    """Return c as a whole row, for then it is added eight or 16 at once."""
    return torch.full((width,), _C)
