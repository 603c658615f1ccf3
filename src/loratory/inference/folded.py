"""An adapter in the weights, where many texts are predicted and nothing is trained.

The products beside the weights, which are small and slow, are then made once and not for every
token. In float32 that changes no answer by more than rounding; in narrower formats it would.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.method import adapted_layers, merged
from loratory.models.int8_linear import Int8Linear

# With fewer tokens, putting the adapter into the weights takes longer than it saves.
_WORTHWHILE = 2048


@contextmanager
def folded(network: nn.Module, *, tokens: int) -> Iterator[None]:
    """Compute so many tokens with the adapter in the weights, if that is faster and the same.

    Afterwards all is as it was, bit for bit.
    """
    with ExitStack() as stack:
        if tokens >= _WORTHWHILE and _is_float32(network):
            # What a method adds may be no weight of a layer: then it stays beside them.
            with suppress(ConfigError):
                stack.enter_context(merged(network))
        yield


def fold_for_good(network: nn.Module) -> None:
    """Put the adapter into the weights, if it can be there; nothing of it is left."""
    with suppress(ConfigError):
        for name, layer in adapted_layers(network).items():
            network.set_submodule(name, layer.merged())


def _is_float32(network: nn.Module) -> bool:
    layers = [layer.base for layer in adapted_layers(network).values()]
    return not any(
        isinstance(layer, Int8Linear) or layer.weight.dtype != torch.float32 for layer in layers
    )
