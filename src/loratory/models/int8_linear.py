"""A frozen linear layer in int8: whatever stands on a linear layer stands on this one too."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from loratory.models.int8 import Int8Matrix
from loratory.models.product import frozen_linear


class Int8Linear(nn.Linear):
    """y = W x + b with W in int8, which never trains; b is float32, as x and y are.

    It is made for inputs of about the given sizes, `[in]`; `twice` rounds them in two parts.
    """

    def __init__(
        self, layer: nn.Linear, sizes: Tensor | None = None, *, twice: bool = False
    ) -> None:
        # Not nn.Linear's own, which would make a weight.
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.matrix = Int8Matrix.of(layer.weight.detach(), sizes, twice=twice)
        self.bias = layer.bias

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The weight in float32, `[out, in]`: made anew whenever it is asked for."""
        return self.matrix.dense()

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Linear's name for it
        """Return the layer's output, `[..., in]` to `[..., out]`."""
        rows = input.reshape(-1, self.in_features)
        return frozen_linear(rows, self.matrix, self.bias).view(*input.shape[:-1], -1)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        """Let go of the matrix where the network is: `network.to("meta")`."""
        if fn(torch.empty(0)).is_meta:
            del self.matrix
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def frozen_weight(layer: nn.Linear) -> Tensor | Int8Matrix:
    """Return what `product` and `frozen_linear` take for the weight of a frozen layer."""
    return layer.matrix if isinstance(layer, Int8Linear) else layer.weight
