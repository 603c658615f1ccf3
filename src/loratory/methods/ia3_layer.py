"""IA3's layer: a frozen linear layer and a trainable factor for each of its outputs, or inputs.

    outputs: y = l * (W x + b)    l: out x 1        inputs: y = W (l * x) + b    l: 1 x in

The factors start at one, so that the adapted layer starts as the layer itself. Shapes as in PEFT,
and so is that the bias is scaled too.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from loratory.errors import ConfigError
from loratory.models.int8_linear import frozen_weight
from loratory.models.product import frozen_linear
from loratory.models.rounding import RoundedLinear, Rounding
from loratory.recipe.quantization import QuantizationSection


class Ia3Linear(nn.Module):
    """A linear layer with factors. They are float32, whatever the layer is."""

    def __init__(self, base: nn.Linear, *, scaled: Literal["inputs", "outputs"]) -> None:
        super().__init__()
        self.base = base
        self.scaled = scaled
        shape = (1, base.in_features) if scaled == "inputs" else (base.out_features, 1)
        self.ia3_l = nn.Parameter(torch.ones(shape, device=base.weight.device))
        self.rounding: Rounding | None = None

    @property
    def weight(self) -> Tensor:
        """Refuse to be read past: some recurrent networks multiply by a layer's weight themselves.

        Raises:
            ConfigError: always, since the factors would be left out.
        """
        raise ConfigError(
            "CFG-TARGET",
            "the base uses a target layer's weight by itself, which would leave the factors out",
            at="method.target_modules",
            fix="name other layers; of Mamba, the recurrence's input: [in_proj]",
        )

    def round(self, section: QuantizationSection) -> None:
        """Compute from now on with inputs and merged weight as rounded as the section says."""
        self.rounding = Rounding(section)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, `[..., in]` to `[..., out]`."""
        if self.rounding is not None:
            made_of = (self.base.weight, self.ia3_l)
            return self.rounding.linear(x, *self._whole(), made_of=made_of)
        rows = x.reshape(-1, x.shape[-1])
        if self.scaled == "inputs":
            y = frozen_linear(self._times(rows), frozen_weight(self.base), self.base.bias)
        else:
            y = self._times(frozen_linear(rows, frozen_weight(self.base), self.base.bias))
        return y.view(*x.shape[:-1], -1)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain layer whose weight, and bias, hold the factors; multiplied in float32."""
        base = self.base
        plain = nn.Linear(base.in_features, base.out_features, bias=False, device="meta")
        weight, bias = self._whole()
        plain.weight = nn.Parameter(weight, requires_grad=False)
        if bias is not None:
            plain.bias = nn.Parameter(bias.clone(), requires_grad=False)
        return plain if self.rounding is None else RoundedLinear(plain, self.rounding.section)

    def _whole(self) -> tuple[Tensor, Tensor | None]:
        base = self.base
        weight = (base.weight * self.ia3_l).to(base.weight.dtype)
        if base.bias is None or self.scaled == "inputs":
            return weight, base.bias
        return weight, self._times(base.bias)

    def _times(self, x: Tensor) -> Tensor:
        """Multiply in float32 at least: bfloat16 knows no number between 1 and 1.0078."""
        scaled: Tensor = x * self.ia3_l.flatten()
        return scaled.to(x.dtype)
