"""How many numbers a network has, part by part, and how many of them train.

Nothing is computed with the numbers, so the network may be on the meta device.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from loratory.methods.method import adapted_layers
from loratory.models.network import Network

Part = Literal["embeddings", "attention", "feed_forward", "norms", "head", "other", "method"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a parameter is part of. `head` is what stands behind the backbone and is not tied to its
embeddings; `method` is what a method added to the base."""

_BYTES = 4  # whatever trains is float32
_MOMENTS = 2  # of AdamW: running means of the gradient and of its square
# What transformers' architectures call the two halves of a block.
_FEED_FORWARD = {
    *("mlp", "ffn", "fc1", "fc2", "feed_forward", "feedforward", "block_sparse_moe", "experts"),
    *("intermediate", "output"),
}


@dataclass(frozen=True)
class Count:
    """Numbers of a part."""

    total: int = 0
    trainable: int = 0

    @property
    def frozen(self) -> int:
        """Those that stay as they are."""
        return self.total - self.trainable


@dataclass(frozen=True)
class Counts:
    """Numbers of a network, part by part."""

    parts: Mapping[Part, Count]
    """Each of `PARTS`."""

    saved: int
    """Numbers that the adapter's folder holds."""

    @property
    def total(self) -> int:
        """All there are; those of tied weights once."""
        return sum(part.total for part in self.parts.values())

    @property
    def trainable(self) -> int:
        """Those that train."""
        return sum(part.trainable for part in self.parts.values())

    @property
    def frozen(self) -> int:
        """Those that stay as they are."""
        return self.total - self.trainable

    @property
    def share(self) -> float:
        """The share of all that trains, from 0 to 1."""
        return self.trainable / self.total if self.total else 0.0

    @property
    def adapter_bytes(self) -> int:
        """What the tensors in the adapter's folder take, in float32."""
        return _BYTES * self.saved

    @property
    def optimizer_bytes(self) -> int:
        """What AdamW takes beside the weights: a gradient and two moments of each, in float32."""
        return (1 + _MOMENTS) * _BYTES * self.trainable


def count(network: nn.Module, parts: Mapping[nn.Parameter, Part] | None = None) -> Counts:
    """Count the parameters of any network; tied ones count once, where they come first.

    `parts` says what each is part of; absent: what its name and its module's class say.
    """
    parts = parts_of(network) if parts is None else parts
    counted = dict.fromkeys(PARTS, Count())
    for parameter in network.parameters():
        before, size = counted[parts[parameter]], parameter.numel()
        trains = size if parameter.requires_grad else 0
        counted[parts[parameter]] = Count(before.total + size, before.trainable + trains)
    trained = sum(part.trainable for part in counted.values())
    return Counts(counted, saved=trained + _saved_beside(network))


def parts_of(network: nn.Module) -> dict[nn.Parameter, Part]:
    """Return what each parameter of a network is part of, to which no method was applied."""
    backbone = _backbone(network)
    found: dict[nn.Parameter, Part] = {}
    for name, module in network.named_modules():
        for parameter in module.parameters(recurse=False):
            found.setdefault(parameter, _part(name, module, backbone))
    return found


def add_parts(parts: dict[nn.Parameter, Part], network: nn.Module, part: Part) -> None:
    """Note the parameters that have come since `parts` was made as being of `part`."""
    for parameter in network.parameters():
        parts.setdefault(parameter, part)


def _backbone(network: nn.Module) -> str:
    """Return how names within the backbone begin; without a head beside it: with anything."""
    prefix = network.prefix if isinstance(network, Network) else None
    prefix = prefix or getattr(network, "base_model_prefix", None)
    return f"{prefix}." if prefix and hasattr(network, str(prefix)) else ""


def _part(name: str, module: nn.Module, backbone: str) -> Part:
    steps = name.lower().split(".")
    if isinstance(module, nn.Embedding):
        return "embeddings"
    if not f"{name}.".startswith(backbone):
        return "head"
    if "norm" in type(module).__name__.lower():
        return "norms"
    if any("attn" in step or "attention" in step for step in steps):
        return "attention"
    return "feed_forward" if _FEED_FORWARD.intersection(steps) else "other"


def _saved_beside(network: nn.Module) -> int:
    """Return how many numbers an adapter keeps that do not train, such as what PiSSA starts as."""
    return sum(size for layer in adapted_layers(network).values() for size in _buffers(layer))


def _buffers(layer: object) -> Iterator[int]:
    assert isinstance(layer, nn.Module)
    persistent = layer.state_dict()
    yield from (held.numel() for name, held in layer.named_buffers() if name in persistent)
