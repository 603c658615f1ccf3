"""BitFit: every bias of the base trains, and nothing else.

Ben Zaken et al. 2022, "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models", arXiv:2106.10199.
"""

import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.bias_layer import BiasedLinear
from loratory.methods.method import Method
from loratory.methods.targets import target_names
from loratory.models.load import Base
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
