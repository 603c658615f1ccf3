"""A linear layer that is frozen, by the fastest kernel there is; where it trains, it is PyTorch's.

It is what every linear layer of a base becomes, so that layers beside which nothing trains are as
fast as those that a method adapts.
"""

import torch
from torch import Tensor, nn

from loratory.models.product import frozen_linear, is_by_name


class FrozenLinear(nn.Linear):
    """y = x W^T + b, with the weight and the bias of another layer."""

    def __init__(self, layer: nn.Linear) -> None:
        # Not nn.Linear's own, which would make a weight.
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Linear's name for it
        """Return the layer's output, `[..., in]` to `[..., out]`."""
        if self._learns() or not is_by_name(input, self.weight):
            return super().forward(input)
        rows = input.reshape(-1, self.in_features)
        return frozen_linear(rows, self.weight, self.bias).view(*input.shape[:-1], -1)

    def _learns(self) -> bool:
        parts = (self.weight, self.bias)
        return torch.is_grad_enabled() and any(p is not None and p.requires_grad for p in parts)


def frozen(layer: nn.Linear) -> nn.Linear:
    """Return such a layer in place of one of PyTorch's; a layer of another kind as it is."""
    return FrozenLinear(layer) if type(layer) is nn.Linear else layer


def to_frozen(module: nn.Module) -> None:
    """Put such layers in place of all of PyTorch's linear layers in `module`."""
    found = {name: layer for name, layer in module.named_modules() if type(layer) is nn.Linear}
    for name, layer in found.items():
        module.set_submodule(name, FrozenLinear(layer))
