"""LoRA and its variants: train a low-rank update beside each frozen linear layer.

    y = W x + s B A x        A: r x in, random.   B: out x r, zero.   s = lora_alpha / r

Because B starts at zero, the adapted network starts as the network it adapts.
Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.

rsLoRA: s = lora_alpha / sqrt(r), Kalajdzievski 2023, arXiv:2312.03732. LoRA+: a higher learning
rate for B, Hayou et al. 2024, arXiv:2402.12354. PiSSA: B A starts as the r strongest directions of
W, Meng et al. 2024, arXiv:2404.02948. DoRA: lora_layer.py.
"""

import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.lora_layer import LoraLinear
from loratory.methods.lora_peft import load_lora, save_lora
from loratory.methods.method import Method
from loratory.methods.targets import ends_in, in_blocks, target_names
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.recipe.schema import LoraMethod


class Lora(Method):
    """A low-rank update beside each target layer."""

    kind = "lora"

    def __init__(self, section: LoraMethod) -> None:
        self.section = section

    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base, give its target layers an update, and free what else is to train.

        Raises:
            ConfigError: no layer has such a name, or the rank is above a layer's smaller side.
        """
        section, network = self.section, base.network
        network.requires_grad_(requires_grad=False)
        names = target_names(network, section.target_modules)
        if section.layers_to_transform is not None:
            names = in_blocks(names, section.layers_to_transform)
        for kind in ("rank_pattern", "alpha_pattern"):
            _check_pattern(kind, getattr(section, kind), names)
        for name in names:
            layer = network.get_submodule(name)
            assert isinstance(layer, nn.Linear)
            network.set_submodule(name, self._adapted(name, layer, generator))
        _free_biases(network, section.bias)
        for ending in section.modules_to_save:
            _train_in_full(network, ending)

    def rate(self, name: str) -> float:
        """Return LoRA+'s ratio for B."""
        return self.section.loraplus_lr_ratio if name.endswith(".lora_B") else 1.0

    def save(self, base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
        """Write a PEFT folder."""
        save_lora(base, self.section, folder, heads=heads)

    def load(self, base: Base, folder: Path) -> None:
        """Read a PEFT folder.

        Raises:
            SecurityError, ModelError, NumericsError: as `peft_folder.read_adapter`.
        """
        load_lora(base, self.section, folder)

    def _adapted(self, name: str, base: nn.Linear, generator: torch.Generator) -> LoraLinear:
        section = self.section
        r = int(by_pattern(section.rank_pattern, name, section.r))
        _check_rank(name, base, r)
        alpha = by_pattern(section.alpha_pattern, name, section.lora_alpha)
        scaling = alpha / (math.sqrt(r) if section.use_rslora else r)
        layer = LoraLinear(base, r=r, scaling=scaling, lora_dropout=section.lora_dropout)
        start = torch.empty(layer.lora_A.shape)
        match section.init_lora_weights:
            case "kaiming":  # as in PEFT and the authors' code: the usual start of a linear layer
                nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
                layer.lora_A.data.copy_(start)
            case "gaussian":
                layer.lora_A.data.copy_(start.normal_(0, 1 / r, generator=generator))
            case "pissa":
                _start_as_strongest(layer, r)
        if section.use_dora:
            layer.add_magnitude()
        return layer


def by_pattern(pattern: dict[str, Any], name: str, usual: float) -> float:
    """Return the value of the first key that `name` ends in, as PEFT reads patterns."""
    for key, value in pattern.items():
        if re.match(rf"(.*\.)?({key})$", name):
            return float(value)
    return usual


@torch.no_grad()
def _start_as_strongest(layer: LoraLinear, r: int) -> None:
    """Let B A be the best approximation of the weight that r directions allow."""
    u, s, v = torch.linalg.svd(layer.base.weight.float(), full_matrices=False)
    root = (s[:r] / layer.scaling).sqrt()
    layer.start_from(root[:, None] * v[:r], u[:, :r] * root)


def _check_pattern(kind: str, pattern: dict[str, Any], names: list[str]) -> None:
    for key in pattern:
        try:
            found = any(re.match(rf"(.*\.)?({key})$", name) for name in names)
        except re.error as error:
            problem = f"not a regular expression: {error}"
        else:
            if found:
                continue
            problem = "no target layer has a name that ends so"
        raise ConfigError(
            "CFG-TARGET",
            problem,
            at=f"method.{kind}",
            got=key,
            expected=f"the end of a name such as {names[0]}",
            fix=f"mend the key, or leave it out of method.{kind}",
        )


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


def _free_biases(network: Network, which: str) -> None:
    """Let biases train: of no layer, of those with an update (lora_only), or of all."""
    if which == "none":
        return
    for module in network.modules():
        layer = module.base if isinstance(module, LoraLinear) else module
        bias = getattr(layer, "bias", None)
        if isinstance(bias, nn.Parameter) and (which == "all" or isinstance(module, LoraLinear)):
            bias.requires_grad_()


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
