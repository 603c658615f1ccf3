"""A bottleneck behind a frozen linear layer: a small network that corrects the layer's output.

    y = W x + b        result = y + U f(D y + d) + u        D: width x out.   U: out x width.

U and u start at zero, so that the adapted layer starts as the layer itself. The skip around f is
the paper's: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", arXiv:1902.00751.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loratory.errors import ConfigError
from loratory.methods.method import cannot_merge
from loratory.models.int8_linear import frozen_weight
from loratory.models.product import frozen_linear
from loratory.recipe.quantization import QuantizationSection

NonLinearity = Literal["relu", "gelu", "silu", "tanh"]


class Bottleneck(nn.Module):
    """A linear layer with a bottleneck behind it. What trains is float32, whatever the layer is."""

    def __init__(self, base: nn.Linear, *, width: int, non_linearity: NonLinearity) -> None:
        super().__init__()
        self.base = base
        self.function = _function(non_linearity)
        out, device = base.out_features, base.weight.device
        self.down_weight = nn.Parameter(torch.empty(width, out, device=device))
        self.down_bias = nn.Parameter(torch.zeros(width, device=device))
        self.up_weight = nn.Parameter(torch.zeros(out, width, device=device))
        self.up_bias = nn.Parameter(torch.zeros(out, device=device))

    @property
    def weight(self) -> Tensor:
        """Refuse to be read past: some recurrent networks multiply by a layer's weight themselves.

        Raises:
            ConfigError: always, since the bottleneck would be left out.
        """
        raise ConfigError(
            "CFG-TARGET",
            "the base uses a target layer's weight by itself, which would leave the adapter out",
            at="method.target_modules",
            fix="name other layers; of Mamba, the recurrence's input: [in_proj]",
        )

    def start(self, generator: torch.Generator) -> None:
        """Draw D as torch draws a linear layer's weight; on the CPU, the same on every device."""
        drawn = torch.empty(self.down_weight.shape)
        nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
        self.down_weight.data.copy_(drawn)

    def forward(self, x: Tensor) -> Tensor:
        """Return the corrected output, `[..., in]` to `[..., out]`."""
        y = frozen_linear(x.reshape(-1, x.shape[-1]), frozen_weight(self.base), self.base.bias)
        low = F.linear(y, self.down_weight.to(y.dtype), self.down_bias.to(y.dtype))
        correction = F.linear(
            self.function(low), self.up_weight.to(y.dtype), self.up_bias.to(y.dtype)
        )
        return (y + correction).view(*x.shape[:-1], -1)

    def round(self, section: QuantizationSection) -> None:
        """Refuse, as `merged`.

        Raises:
            ConfigError: always.
        """
        del section
        self.merged()

    def merged(self) -> nn.Linear:
        """Refuse: there is no plain layer that computes the same.

        Raises:
            ConfigError: always.
        """
        raise cannot_merge("bottleneck", "a bottleneck is not linear, and a plain layer is")


def add_bottlenecks(
    network: nn.Module,
    widths: Mapping[str, int],
    *,
    non_linearity: NonLinearity,
    generator: torch.Generator,
) -> None:
    """Freeze any network and put a bottleneck behind each linear layer that `widths` names."""
    network.requires_grad_(requires_grad=False)
    for name, width in widths.items():
        base = network.get_submodule(name)
        if not isinstance(base, nn.Linear):
            raise TypeError(f"{name} is no linear layer")
        layer = Bottleneck(base, width=width, non_linearity=non_linearity)
        layer.start(generator)
        network.set_submodule(name, layer)


def _function(kind: NonLinearity) -> Callable[[Tensor], Tensor]:
    match kind:
        case "relu":
            return F.relu
        case "gelu":
            return F.gelu
        case "silu":
            return F.silu
        case "tanh":
            return torch.tanh
        case _:
            assert_never(kind)
