"""GPT-2's `Conv1D` is a linear layer with a transposed weight; here it becomes a linear layer.

    Conv1D: y = x W + b, W: in x out.        Linear: y = x W^T + b, W: out x in.

Both directions are here and nowhere else. Methods, counting and saving see linear layers only. The
weight stays where it is, read across: a copy would hold the base twice, and products are as fast.
"""

from collections.abc import Collection

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D


def linear_from_conv1d(layer: Conv1D) -> nn.Linear:
    """Return the linear layer that computes what `layer` does."""
    linear = nn.Linear(layer.nx, layer.nf, device="meta")
    linear.weight = nn.Parameter(layer.weight.detach().T)
    linear.bias = nn.Parameter(layer.bias.detach())
    return linear


def conv1d_from_linear(layer: nn.Linear) -> Conv1D:
    """Return the `Conv1D` that computes what `layer` does."""
    with torch.device("meta"):
        conv = Conv1D(layer.out_features, layer.in_features)
    conv.weight = nn.Parameter(layer.weight.detach().T.contiguous())
    conv.bias = nn.Parameter(layer.bias.detach())
    return conv


def to_linears(model: nn.Module) -> list[str]:
    """Replace every `Conv1D` of `model` by a linear layer, and return their names."""
    found = {name: layer for name, layer in model.named_modules() if isinstance(layer, Conv1D)}
    for name, layer in found.items():
        model.set_submodule(name, linear_from_conv1d(layer))
    return list(found)


def to_conv1d(model: nn.Module, names: Collection[str]) -> None:
    """Turn the linear layers called `names` back into `Conv1D`, as transformers saves them."""
    for name in names:
        layer = model.get_submodule(name)
        if not isinstance(layer, nn.Linear):
            raise TypeError(f"{name} is no linear layer")
        model.set_submodule(name, conv1d_from_linear(layer))
