"""BitFit: every bias of the base trains, and nothing else.

Ben Zaken et al. 2022, "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models", arXiv:2106.10199.
"""

import copy
from typing import Any

import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.bias_layer import BiasedLinear
from loratory.methods.method import Method, adapted_layers, cannot_merge
from loratory.methods.targets import target_names
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.recipe.schema import BitfitMethod


class Bitfit(Method):
    """Only biases train."""

    kind = "bitfit"

    def __init__(self, section: BitfitMethod) -> None:
        self.section = section

    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base but for its biases; add some where it has none, if the recipe says so.

        Raises:
            ConfigError: the base has no bias.
        """
        del generator
        network = base.network
        network.requires_grad_(requires_grad=False)
        backbone = network.get_submodule(network.prefix)
        biases = [p for name, p in backbone.named_parameters() if name.split(".")[-1] == "bias"]
        for bias in biases:
            bias.requires_grad_()
        if biases:
            return
        if self.section.missing_biases == "refuse":
            raise ConfigError(
                "CFG-METHOD",
                f"no layer of a base of type {network.config.model_type} has a bias",
                at="method.kind",
                got=self.kind,
                expected="a base with biases, such as gpt2",
                fix="set method.missing_biases=add, which gives each linear layer one of zeros",
            )
        for name in target_names(network, "all-linear"):
            layer = network.get_submodule(name)
            assert isinstance(layer, nn.Linear)
            network.set_submodule(name, BiasedLinear(layer))

    def fold(self, base: Base) -> None:
        """Put added biases into plain layers, and into the base's configuration that there are any.

        Raises:
            ConfigError: the architecture has no setting for just these biases.
        """
        network = base.network
        added = {f"{name}.bias" for name in adapted_layers(network)}
        if added and added != _declared_biases(network):
            kind = network.config.model_type
            raise cannot_merge(self.kind, f"{kind} has no setting for biases in its linear layers")
        if added:
            _declare_biases(network.config)
        super().fold(base)


def _declare_biases(config: Any) -> None:
    """Set what Llama and its kin call the biases of their linear layers."""
    for field in ("attention_bias", "mlp_bias"):
        if hasattr(config, field):
            setattr(config, field, True)


def _declared_biases(network: Network) -> set[str]:
    """Return the biases that transformers gives such a backbone where its settings ask for them."""
    config = copy.deepcopy(network.config)
    _declare_biases(config)
    with torch.device("meta"):
        backbone = type(network.get_submodule(network.prefix))(config)
    names = [name for name, _ in backbone.named_parameters() if name.endswith(".bias")]
    return {f"{network.prefix}.{name}" for name in names}
