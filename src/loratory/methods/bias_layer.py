"""A linear layer that was given a bias, which is all of it that trains."""

import torch
from torch import Tensor, nn

from loratory.models.int8_linear import frozen_weight
from loratory.models.product import frozen_linear
from loratory.models.rounding import RoundedLinear, Rounding
from loratory.recipe.quantization import QuantizationSection


class BiasedLinear(nn.Module):
    """y = W x + b, with b of zeros to begin with."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.bias = nn.Parameter(torch.zeros(base.out_features, device=base.weight.device))
        self.rounding: Rounding | None = None

    def round(self, section: QuantizationSection) -> None:
        """Compute from now on with inputs and weight as rounded as the section says."""
        self.rounding = Rounding(section)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, `[..., in]` to `[..., out]`."""
        if self.rounding is not None:
            weight = self.base.weight
            return self.rounding.linear(x, weight, self.bias, made_of=(weight,))
        y = frozen_linear(x.reshape(-1, x.shape[-1]), frozen_weight(self.base))
        return (y + self.bias.to(y.dtype)).view(*x.shape[:-1], -1)

    def merged(self) -> nn.Linear:
        """Return a plain layer with the bias."""
        plain = nn.Linear(self.base.in_features, self.base.out_features, device="meta")
        plain.weight = nn.Parameter(self.base.weight.detach().clone(), requires_grad=False)
        plain.bias = nn.Parameter(self.bias.detach().clone(), requires_grad=False)
        return plain if self.rounding is None else RoundedLinear(plain, self.rounding.section)
