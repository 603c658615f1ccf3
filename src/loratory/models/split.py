"""A backbone cut in two below one of its blocks, each part run by transformers' own code.

In each part stand-ins take the place of the other's blocks. They pass on what they are given, but
that the first one of the upper part gives the states with which the lower part ended. What a model
does before its blocks and behind them it does in both: that is little, and changes neither.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from loratory.batching.flat import FlatBatch
from loratory.models.last_block import read_few
from loratory.models.network import Network, probe_batch
from loratory.models.reading import read_flat
from loratory.models.stack import blocks_of, is_random, name_of_blocks, with_blocks
from loratory.models.trials import same


@dataclass(frozen=True)
class Split:
    """A backbone cut below block number `at`: at least one block is below, and at most all are."""

    backbone: nn.Module
    blocks: str
    """Name of the list of blocks in the backbone."""

    at: int

    in_tuples: bool = False
    """Whether the blocks return their states in a tuple, as some architectures' do."""

    reads_few: bool = False
    """Whether the last block can be left out where nobody reads it."""

    def lower(self, batch: FlatBatch) -> Tensor:
        """Return the states that the lower blocks end with, `[tokens, hidden]`."""
        *blocks, last = self._all()[: self.at]
        noting = _Noting(last)
        above = [self._stand_in() for _ in self._all()[self.at :]]
        read_flat(self._with([*blocks, noting, *above]), batch)
        found: Tensor = noting.seen[0][0] if self.in_tuples else noting.seen[0]
        return found

    def upper(self, batch: FlatBatch, states: Tensor) -> Tensor:
        """Return the last hidden states that follow from those of `lower`, `[tokens, hidden]`."""
        below = [self._stand_in(states[None]), *(self._stand_in() for _ in range(1, self.at))]
        above = self._all()[self.at :]
        read = read_few if self.reads_few and above else read_flat
        return read(self._with([*below, *above]), batch)

    def below(self) -> Iterator[nn.Module]:
        """Yield every module but those of the upper blocks."""
        upper = {part for block in self._all()[self.at :] for part in block.modules()}
        yield from (module for module in self.backbone.modules() if module not in upper)

    def _stand_in(self, states: Tensor | None = None) -> nn.Module:
        return _StandIn(states, in_tuples=self.in_tuples)

    def _all(self) -> nn.ModuleList:
        return blocks_of(self.backbone, self.blocks)

    def _with(self, blocks: Sequence[nn.Module]) -> nn.Module:
        return with_blocks(self.backbone, self.blocks, blocks)


def split_below_trained(network: Network) -> Split | None:
    """Cut the backbone below the lowest block in which something trains.

    None where nothing under it could be kept: something random or that trains is there, or stands
    before every text; or the network does not read flat batches, or the parts, tried out on a few
    texts, do not make the whole.
    """
    if not network.flat or network.virtual is not None:
        return None
    backbone = network.get_submodule(network.prefix)
    blocks = name_of_blocks(backbone)
    if blocks is None:
        return None
    at, probe = _lowest_trained(backbone, blocks), probe_batch(network)
    for in_tuples in (False, True):
        split = Split(backbone, blocks, at, in_tuples)
        if at and not any(map(is_random, split.below())) and _makes_the_whole(split, probe):
            return replace(split, reads_few=network.reads_few)
    return None


def _makes_the_whole(split: Split, probe: FlatBatch) -> bool:
    training = split.backbone.training
    split.backbone.eval()
    try:
        with torch.enable_grad():
            states = split.lower(probe)
        with torch.no_grad():
            parts, whole = split.upper(probe, states.detach()), read_flat(split.backbone, probe)
    except Exception:  # noqa: BLE001 - no block of some architecture can be stood in for
        return False
    finally:
        split.backbone.train(training)
    flat = states.shape[:-1] == probe.input_ids.shape
    return flat and not states.requires_grad and same(whole, parts)


def _lowest_trained(backbone: nn.Module, blocks: str) -> int:
    """Return the number of the lowest block in which something trains, or how many there are."""
    number = re.compile(rf"{re.escape(blocks)}\.(\d+)\.")
    trained = (name for name, p in backbone.named_parameters() if p.requires_grad)
    numbers = [int(found[1]) for name in trained if (found := number.match(name))]
    return min(numbers, default=len(blocks_of(backbone, blocks)))


class _StandIn(nn.Module):
    """Passes on what it is given, or `states` in its place."""

    def __init__(self, states: Tensor | None, *, in_tuples: bool) -> None:
        super().__init__()
        self.states, self.in_tuples = states, in_tuples

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor | tuple[Tensor]:
        states = hidden_states if self.states is None else self.states
        return (states,) if self.in_tuples else states


class _Noting(nn.Module):
    """A block of which the result is noted."""

    seen: Any

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self.seen = self.block(*args, **kwargs)
        return self.seen
