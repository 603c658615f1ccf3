"""IA3: trainable factors for keys, values and the inside of feed-forward parts.

Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
Learning", arXiv:2205.05638. The layer: ia3_layer.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.ia3_layer import Ia3Linear
from loratory.methods.method import Method
from loratory.methods.peft_folder import load_adapter, save_adapter
from loratory.methods.targets import ends_in, last_parts, target_names
from loratory.methods.transformers_folder import stock_name
from loratory.methods.usual_layers import is_feed_forward_output, keys_values_and_feed_forward
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.recipe.schema import Ia3Method


class Ia3(Method):
    """A factor for each output, or input, of the target layers."""

    kind = "ia3"

    def __init__(self, section: Ia3Method) -> None:
        self.section = section

    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base and give its target layers factors.

        Raises:
            ConfigError: no layer has such a name, or the base has none of the usual names.
        """
        del generator
        network, targets = base.network, self.section.target_modules
        network.requires_grad_(requires_grad=False)
        names = (
            keys_values_and_feed_forward(network)
            if targets is None
            else target_names(network, targets)
        )
        inputs = self._with_scaled_inputs(names)
        for name in names:
            layer = network.get_submodule(name)
            assert isinstance(layer, nn.Linear)
            scaled = Ia3Linear(layer, scaled="inputs" if name in inputs else "outputs")
            network.set_submodule(name, scaled)

    def save(self, base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
        """Write a PEFT folder."""
        save_adapter(base, folder, _settings(base.network, heads), heads=heads)

    def load(self, base: Base, folder: Path) -> None:
        """Read a PEFT folder.

        Raises:
            SecurityError, ModelError, NumericsError: as `peft_folder.load_adapter`.
        """
        load_adapter(base, folder, _settings(base.network, ()))

    def _with_scaled_inputs(self, names: Sequence[str]) -> set[str]:
        endings = self.section.feedforward_modules
        if endings is None:
            return {name for name in names if is_feed_forward_output(name)}
        for ending in endings:
            if not any(ends_in(name, ending) for name in names):
                raise _no_target(ending, names)
        return {name for name in names if any(ends_in(name, ending) for ending in endings)}


def _settings(network: Network, heads: tuple[str, ...]) -> dict[str, Any]:
    layers = {n: layer for n, layer in network.named_modules() if isinstance(layer, Ia3Linear)}
    inputs = [name for name, layer in layers.items() if layer.scaled == "inputs"]
    return {
        "peft_type": "IA3",
        # By their full names, which mean the same layers in every class.
        "target_modules": [stock_name(network, name) for name in layers],
        "feedforward_modules": [stock_name(network, name) for name in inputs],
        "fan_in_fan_out": bool(network.transposed.intersection(layers)),
        "modules_to_save": list(heads) or None,
    }


def _no_target(ending: str, names: Sequence[str]) -> ConfigError:
    available = ", ".join(last_parts(names))
    return ConfigError(
        "CFG-TARGET",
        "no target layer has this name",
        at="method.feedforward_modules",
        got=ending,
        expected=f"some of {available}",
        fix="name layers that are in method.target_modules too, or leave it out",
    )
