"""GPT-2's `Conv1D` is a linear layer with a transposed weight; here it becomes a linear layer.

    Conv1D: y = x W + b, W: in x out.        Linear: y = x W^T + b, W: out x in.

Methods, counting and saving see linear layers only; the names are kept for what transformers is to
read again. The weight stays where it is, read across: a copy would hold the base twice, and
products are as fast.
"""

from torch import nn
from transformers.pytorch_utils import Conv1D


def linear_from_conv1d(layer: Conv1D) -> nn.Linear:
    """Return the linear layer that computes what `layer` does."""
    linear = nn.Linear(layer.nx, layer.nf, device="meta")
    linear.weight = nn.Parameter(layer.weight.detach().T)
    linear.bias = nn.Parameter(layer.bias.detach())
    return linear


def to_linears(model: nn.Module) -> list[str]:
    """Replace every `Conv1D` of `model` by a linear layer, and return their names."""
    found = {name: layer for name, layer in model.named_modules() if isinstance(layer, Conv1D)}
    for name, layer in found.items():
        model.set_submodule(name, linear_from_conv1d(layer))
    return list(found)
