"""A network's linear layers become int8, each by how large its inputs are in a few texts."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from loratory.models.int8 import size_of
from loratory.models.int8_linear import Int8Linear
from loratory.models.network import Network
from loratory.models.reading import of_texts

# Which inputs are large is nearly the same in any text, of arbitrary tokens too.
_TEXTS, _TOKENS = 8, 16


def to_int8(network: Network) -> None:
    """Put int8 layers in place of the backbone's linear layers; its heads stay as they are."""
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith(f"{network.prefix}.")
    }
    sizes = _sizes(network, layers)
    while layers:
        name, layer = layers.popitem()
        network.set_submodule(name, Int8Linear(layer, sizes.get(name)))
    # What is left may be parts of a file that is mapped as a whole: copied, they let it go.
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()


@torch.no_grad()
def _sizes(network: Network, layers: Mapping[str, nn.Linear]) -> dict[str, Tensor]:
    """Return the sizes of the inputs of each layer that is called, `[in]`."""
    found: dict[str, Tensor] = {}

    def note(name: str, x: Tensor) -> None:
        found[name] = size_of(x.reshape(-1, x.shape[-1]))

    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: note(name, inputs[0]))
        for name, layer in layers.items()
    ]
    vocabulary = int(network.config.vocab_size)
    tokens = [number * 7919 % vocabulary for number in range(_TEXTS * _TOKENS)]
    texts = [tokens[start : start + _TOKENS] for start in range(0, len(tokens), _TOKENS)]
    network(of_texts(texts, network.device))
    for hook in hooks:
        hook.remove()
    return found
