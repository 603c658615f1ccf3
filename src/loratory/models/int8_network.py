"""A network's linear layers become int8, each by how large its inputs are in a few texts."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from loratory.models.int8 import input_sizes, lost_by_rounding
from loratory.models.int8_linear import Int8Linear
from loratory.models.network import Network
from loratory.models.reading import of_texts

# Which inputs are large is nearly the same in any text, of arbitrary tokens too.
_TEXTS, _TOKENS = 8, 16
# Of a layer's output, by rounding its inputs once; rounding the weights costs each some 0.7 %. Of a
# SmolLM2-135M that was tuned on CoLA nearly all layers behind the gate lose more, and hardly any
# other: 97.0 % of its labels stayed the same with all inputs rounded once, 98.9 % so.
_TOO_MUCH = 0.01


def to_int8(network: Network) -> None:
    """Put int8 layers in place of the backbone's linear layers; its heads stay as they are."""
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith(f"{network.prefix}.")
    }
    found = _inputs(network, layers)
    while layers:
        name, layer = layers.popitem()
        sizes, lost = found.get(name, (None, 0.0))
        network.set_submodule(name, Int8Linear(layer, sizes, twice=lost > _TOO_MUCH))
    # What is left may be parts of a file that is mapped as a whole: copied, they let it go.
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()


@torch.no_grad()
def _inputs(network: Network, layers: Mapping[str, nn.Linear]) -> dict[str, tuple[Tensor, float]]:
    """Return the sizes of the inputs of each layer that is called, and what rounding loses."""
    found: dict[str, tuple[Tensor, float]] = {}

    def note(name: str, layer: nn.Linear, x: Tensor) -> None:
        rows = x.reshape(-1, x.shape[-1])
        sizes = input_sizes(rows)
        found[name] = sizes, lost_by_rounding(rows, layer.weight, sizes)

    hooks = [
        layer.register_forward_pre_hook(lambda of, inputs, name=name: note(name, of, inputs[0]))
        for name, layer in layers.items()
    ]
    vocabulary = int(network.config.vocab_size)
    tokens = [number * 7919 % vocabulary for number in range(_TEXTS * _TOKENS)]
    texts = [tokens[start : start + _TOKENS] for start in range(0, len(tokens), _TOKENS)]
    network(of_texts(texts, network.device))
    for hook in hooks:
        hook.remove()
    return found
