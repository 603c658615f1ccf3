"""LoRA: train a low-rank update beside each frozen linear layer.

    y = W x + (lora_alpha / r) B A x        A: r x in, random.   B: out x r, zero.

Because B starts at zero, the adapted network starts as the network it adapts.
Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.
"""

import math

import torch
from torch import Tensor, nn

from loratory.errors import ConfigError
from loratory.methods.lora_product import LoraProduct
from loratory.methods.targets import ends_in, target_names
from loratory.models.network import Network
from loratory.recipe.schema import LoraMethod


class LoraLinear(nn.Module):
    """A frozen linear layer with a trainable low-rank update."""

    def __init__(self, base: nn.Linear, *, r: int, lora_alpha: float, lora_dropout: float) -> None:
        super().__init__()
        self.base = base
        self.scaling = lora_alpha / r
        self.lora_dropout = lora_dropout
        device = base.weight.device
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, device=device))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, device=device))

    @property
    def weight(self) -> Tensor:
        """Refuse to be read past: some recurrent networks multiply by a layer's weight themselves.

        Raises:
            ConfigError: always, since the update would be left out.
        """
        raise ConfigError(
            "CFG-TARGET",
            "the base uses a target layer's weight by itself, which would leave the update out",
            at="method.target_modules",
            fix="name other layers; of Mamba, the recurrence's input: [in_proj]",
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the scaled update to the base layer's output, `[..., in]` to `[..., out]`."""
        dropout = self.lora_dropout if self.training else 0.0
        y: Tensor = LoraProduct.apply(  # type: ignore[no-untyped-call]
            x.reshape(-1, x.shape[-1]),
            self.base.weight,
            self.base.bias,
            self.lora_A,
            self.lora_B,
            self.scaling,
            dropout,
        )
        return y.view(*x.shape[:-1], -1)


def apply(network: Network, method: LoraMethod, generator: torch.Generator) -> None:
    """Freeze `network`, give its target layers an update, and let `modules_to_save` train.

    Raises:
        ConfigError: no layer has such a name, or the rank is above a layer's smaller side.
    """
    network.requires_grad_(requires_grad=False)
    for name in target_names(network, method.target_modules):
        base = network.get_submodule(name)
        assert isinstance(base, nn.Linear)
        _check_rank(name, base, method.r)
        layer = LoraLinear(
            base, r=method.r, lora_alpha=method.lora_alpha, lora_dropout=method.lora_dropout
        )
        # As in PEFT and the authors' code: the usual start of a linear layer.
        start = torch.empty(layer.lora_A.shape)
        nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
        layer.lora_A.data.copy_(start)
        network.set_submodule(name, layer)
    for ending in method.modules_to_save:
        _train_in_full(network, ending)


def _check_rank(name: str, layer: nn.Linear, r: int) -> None:
    side = min(layer.in_features, layer.out_features)
    if r > side:
        raise ConfigError(
            "CFG-RANGE",
            f"the rank is above the smaller side of {name}",
            at="method.r",
            got=r,
            expected=f"1…{side}",
            fix=f"set method.r to at most {side}, or leave {name} out of method.target_modules",
        )


def _train_in_full(network: Network, ending: str) -> None:
    found = [module for name, module in network.named_modules() if ends_in(name, ending)]
    if not any(True for module in found for _ in module.parameters()):
        problem = f"no module with weights is called {ending!r}"
    elif any(isinstance(part, LoraLinear) for module in found for part in module.modules()):
        problem = f"{ending!r} holds a layer that already has a low-rank update"
    else:
        for module in found:
            module.requires_grad_(requires_grad=True)
        return
    raise ConfigError(
        "CFG-TARGET",
        problem,
        at="method.modules_to_save",
        fix="name other modules of the base, or leave it out: the task's head always trains",
    )
