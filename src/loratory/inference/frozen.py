"""What a run computes of its rows once: the hidden states under everything that trains.

Which rows, and where their states are kept, is a pure function of recipe, data and machine; the
states themselves are one of the base and the rows alone, so that a resumed run has the same.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from loratory.batching.flat import FlatBatch, flatten
from loratory.batching.places import Places
from loratory.batching.plan import micro_batches, steps_per_epoch
from loratory.batching.rows import EncodedRow, Encoding
from loratory.inference.kept_file import kept_file
from loratory.inference.side_by_side import side_by_side
from loratory.inference.tuned import Tuned
from loratory.methods.trained import trained_parameters
from loratory.models.frozen_states import FrozenStates
from loratory.models.network import probe_batch
from loratory.models.split import Split, split_below_trained
from loratory.train.fit import Tell

Where = Literal["memory", "disk", "off"]

_SHARE_OF_MEMORY = 1 / 8
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Frozen:
    """What could be kept of a run's rows, and where it is to be kept."""

    tuned: Tuned
    encodings: Mapping[str, Encoding]

    @cached_property
    def where(self) -> Where:
        """Where the states are kept."""
        asked = self.tuned.recipe.training.frozen_states
        if asked == "off" or not self._rows or self._split is None:
            return "off"
        if asked == "auto":
            return "memory" if self._bytes <= _SHARE_OF_MEMORY * _memory() else "off"
        return asked

    def keep(self, tell: Tell) -> None:
        """Compute the states, or find them, and let the network begin with them; tell of it."""
        asked = self.tuned.recipe.training.frozen_states
        if asked == "off" or not self._rows:
            return
        if self._split is None:
            if asked != "auto":
                tell("frozen_states", where="off", note="no block under what trains stays the same")
            return
        before = time.perf_counter()
        match self.where:
            case "memory":
                states = torch.empty(self._shape, dtype=self._probed.dtype)
                self._fill(states)
            case "disk":
                states = kept_file(self._digest, self._shape, self._probed.dtype, self._fill)
            case "off":
                note = "too large for auto; training.frozen_states=disk would keep them on the disk"
                tell("frozen_states", where="off", note=note, **self._size)
                return
        self.tuned.base.network.kept = FrozenStates(self._split, self._places, states)
        seconds = time.perf_counter() - before
        tell("frozen_states", where=self.where, seconds=seconds, **self._size)

    @cached_property
    def _split(self) -> Split | None:
        return split_below_trained(self.tuned.base.network)

    @cached_property
    def _rows(self) -> list[EncodedRow]:
        """The rows that are read more than once: by this run, or off the disk by later ones."""
        training, rows = self.tuned.recipe.training, list[EncodedRow]()
        if not trained_parameters(self.tuned.base.network):
            return rows
        often = 1 if training.frozen_states == "disk" else 2
        untuned = int(training.score_untuned)
        per_epoch = steps_per_epoch(len(self.encodings["train"].rows), training.batch_size)
        every = per_epoch if training.evaluate_every == "epoch" else training.evaluate_every
        looks = -(-training.epochs * per_epoch // max(every, 1))
        if training.epochs >= often:
            rows += self.encodings["train"].rows
        for split, times in (("validation", looks + untuned), ("test", 1 + untuned)):
            if times >= often and split in self.encodings:
                rows += _read_whole(
                    self.encodings[split], writes=self.tuned.task.writing is not None
                )
        return rows

    @cached_property
    def _places(self) -> Places:
        return Places.of(text.tokens for row in self._rows for text in row.texts)

    @cached_property
    def _probed(self) -> Tensor:
        """The states of a few texts, `[tokens, hidden]`."""
        assert self._split is not None
        with torch.no_grad():
            return self._split.lower(probe_batch(self.tuned.base.network))

    @property
    def _shape(self) -> tuple[int, int]:
        return self._places.count, self._probed.shape[1]

    @property
    def _bytes(self) -> int:
        return self._places.count * self._probed.shape[1] * self._probed.dtype.itemsize

    @property
    def _size(self) -> dict[str, Any]:
        assert self._split is not None
        tokens, mb = self._places.count, round(self._bytes / _MEGABYTE)
        return {"blocks": self._split.at, "tokens": tokens, "megabytes": mb}

    @property
    def _digest(self) -> str:
        """Of all that the states follow from: what lies below says itself in the probe's."""
        assert self._split is not None
        compute = self.tuned.compute
        made_of = [
            self.tuned.base.digest,
            self._split.at,
            compute.precision,
            compute.tokens_at_once,
        ]
        whole = hashlib.sha256(repr(made_of).encode())
        whole.update(self._probed.cpu().view(torch.uint8).numpy().tobytes())
        for text in self._places.of_text:
            whole.update(repr(text).encode())
        return whole.hexdigest()

    def _fill(self, states: Tensor) -> None:
        """Compute the state of every place, `[places, hidden]`."""
        network, compute, split = self.tuned.base.network, self.tuned.compute, self._split
        assert split is not None
        network.eval()
        kept = FrozenStates(split, self._places, states)
        rows = [EncodedRow((text,), (), ()) for text in sorted(self._places.ends(), key=len)]
        cuts = micro_batches(rows, compute.tokens_at_once, shared=network.shares)

        @torch.inference_mode()
        def lower(cut: list[int]) -> tuple[FlatBatch, Tensor]:
            part = [rows[number] for number in cut]
            batch = flatten(part, network.device, shared=network.shares)
            return batch, split.lower(batch)

        threads = compute.threads if compute.device.type == "cpu" else 1
        for batch, found in side_by_side(lower, cuts, threads=threads):
            kept.put(batch, found)


def _read_whole(encoding: Encoding, *, writes: bool) -> Iterator[EncodedRow]:
    """Yield the rows that one look at a split passes through the network from end to end."""
    if not writes:
        yield from (piece for asked in encoding.asked for piece in asked)
    if writes or not encoding.asked_loss:
        yield from encoding.rows


def _memory() -> int:
    """Return the machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
