"""What every method is: it edits a base in place, and what it trains goes into a folder and back.

Whatever trains is a parameter that requires a gradient (`trained_parameters`), and nothing else
ever changes. A method that works beside the base's layers wraps them (`AdaptedLayer`), so that the
base's own weights stay where they are and as they are: it can be taken off, and put into plain
layers, at any time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.tensor_file import read_tensors, write_tensors
from loratory.models.frozen_linear import frozen
from loratory.models.load import Base
from loratory.recipe.quantization import QuantizationSection

_WEIGHTS = "trained.safetensors"


class Method(ABC):
    """A way to tune a base."""

    kind: str
    """Its name in a recipe."""

    @abstractmethod
    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Edit the base's network in place: freeze it, and add or free what trains."""

    def save(self, base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
        """Write what trains into `folder`, in the field's own format where it has one.

        `heads` are the modules that the task added to the base's network.
        """
        del heads
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors(base.network, folder / _WEIGHTS)

    def load(self, base: Base, folder: Path) -> None:
        """Put what `save` wrote into a base that the method was applied to.

        Raises:
            ModelError, NumericsError, SecurityError: the folder's tensors are not the network's, by
                name or shape, or not finite, or cannot be read.
        """
        read_tensors(base.network, folder / _WEIGHTS)

    def rate(self, name: str) -> float:
        """Return what multiplies the learning rate of the trained tensor called `name`."""
        del name
        return 1.0

    def fold(self, base: Base) -> None:
        """Put what was learned into plain layers, so that the base alone computes the same.

        Raises:
            ConfigError: the method is more than other weights for the base's layers.
        """
        for name, layer in adapted_layers(base.network).items():
            base.network.set_submodule(name, layer.merged())


class AdaptedLayer(Protocol):
    """A module that stands in place of a linear layer, which it holds."""

    base: nn.Linear

    def round(self, section: QuantizationSection) -> None:
        """Compute from now on with inputs and merged weight as rounded as the section says.

        Raises:
            ConfigError: there is no merged weight.
        """

    def merged(self) -> nn.Linear:
        """Return a layer without anything beside it that computes the same, of new tensors.

        Raises:
            ConfigError: there is none.
        """


def adapted_layers(network: nn.Module) -> dict[str, AdaptedLayer]:
    """Return the adapted layers of `network` by name."""
    # Not by isinstance: since Python 3.12 a protocol's check does not see a module's submodules.
    return {
        name: cast(AdaptedLayer, layer)
        for name, layer in network.named_modules()
        if hasattr(type(layer), "merged")
    }


@contextmanager
def merged(network: nn.Module) -> Iterator[None]:
    """Compute with merged layers for a while; afterwards all is as it was, bit for bit."""
    with _exchanged(network, lambda layer: frozen(layer.merged())):
        yield


@contextmanager
def without(network: nn.Module) -> Iterator[None]:
    """Compute with the base's own layers for a while, and nothing before the texts."""
    whole = cast(Any, network)
    virtual = getattr(network, "virtual", None)
    try:
        if virtual is not None:
            whole.virtual = None
        with _exchanged(network, lambda layer: layer.base):
            yield
    finally:
        if virtual is not None:
            whole.virtual = virtual


@contextmanager
def _exchanged(network: nn.Module, plain: Callable[[AdaptedLayer], nn.Module]) -> Iterator[None]:
    layers = adapted_layers(network)
    try:
        for name, layer in layers.items():
            network.set_submodule(name, plain(layer))
        yield
    finally:
        for name, layer in layers.items():
            assert isinstance(layer, nn.Module)
            network.set_submodule(name, layer)


def cannot_merge(kind: str, why: str) -> ConfigError:
    """Return the error of a method that plain layers cannot hold."""
    return ConfigError(
        "CFG-MERGE",
        f"{kind} cannot be merged: {why}",
        at="method.kind",
        got=kind,
        expected="a method whose result is other weights, such as lora",
        fix="use the run as it is, or train it again with another method",
    )
