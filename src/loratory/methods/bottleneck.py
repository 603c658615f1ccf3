"""Bottleneck adapters: small trainable networks behind the parts of every block.

Houlsby et al. 2019, arXiv:1902.00751, put one behind attention and one behind the feed-forward
part; Pfeiffer et al. 2020, arXiv:2005.00247, found the latter alone to be enough. Here both stand
at once behind the part's last projection, before its result is added to the hidden state that went
in, as the former have it. They train the normalisations too, which stay frozen here.
"""

import torch
from torch import nn

from loratory.methods.bottleneck_layer import add_bottlenecks
from loratory.methods.method import Method
from loratory.methods.targets import target_names
from loratory.methods.usual_layers import ATTENTION_OUTPUTS, FEED_FORWARD_OUTPUTS, outputs_of
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.recipe.schema import BottleneckMethod

_REDUCTION = 16


class BottleneckAdapters(Method):
    """A bottleneck behind each target layer."""

    kind = "bottleneck"

    def __init__(self, section: BottleneckMethod) -> None:
        self.section = section

    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base and put a bottleneck behind each target layer.

        Raises:
            ConfigError: no layer has such a name, or the base has none of the usual names.
        """
        network = base.network
        add_bottlenecks(
            network,
            {name: self._width(network, name) for name in self._targets(network)},
            non_linearity=self.section.non_linearity,
            generator=generator,
        )

    def _targets(self, network: Network) -> list[str]:
        if self.section.target_modules is not None:
            return target_names(network, self.section.target_modules)
        match self.section.placement:
            case "pfeiffer":
                return outputs_of(network, FEED_FORWARD_OUTPUTS)
            case "houlsby":
                return outputs_of(network, ATTENTION_OUTPUTS, FEED_FORWARD_OUTPUTS)

    def _width(self, network: Network, name: str) -> int:
        if self.section.bottleneck_size is not None:
            return self.section.bottleneck_size
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        return max(1, layer.out_features // (self.section.reduction_factor or _REDUCTION))
