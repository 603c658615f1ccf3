"""Answer rows: what is alike together, so many tokens at once, results in the rows' order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

import torch
from torch import Tensor

from loratory.batching.flat import FlatBatch, flatten
from loratory.batching.plan import micro_batches
from loratory.batching.rows import EncodedRow, Encoding, total_tokens
from loratory.errors import NumericsError
from loratory.inference.generate import generate
from loratory.inference.side_by_side import side_by_side
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network
from loratory.tasks.task import Output, Task, Writing

# Parts are cut for as many processors, however many there are: what is computed together has a part
# in the last digits of what comes out.
_SIDES = 4

Watch = Callable[[int], None]
Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Answers:
    """What the network says about rows."""

    outputs: list[list[Output]]
    """For each row of the data, the task's output for each of the pieces it was asked."""

    loss: float
    """Mean loss over the rows' units; it means something only where the targets are known."""

    tokens: int
    """Tokens that were read or written."""


def answer_rows(
    network: Network,
    task: Task,
    encoding: Encoding,
    *,
    tokens_at_once: int,
    threads: int = 1,
    watch: Watch = lambda _: None,
) -> Answers:
    """Return the network's answers to an encoded split; `watch` hears of each part, in pieces.

    Which pieces are computed together is a pure function of their tokens. With several `threads`
    each computes parts of its own.
    """
    network.eval()
    pieces = {id(piece): piece for asked in encoding.asked for piece in asked}
    rows = list(pieces.values())
    passes = _Passes(network, task, tokens_at_once, threads)
    if task.writing is not None:
        outputs, tokens = _written(network, task.writing, rows, tokens_at_once, watch)
    else:
        outputs, loss = passes.read(rows, watch)
        tokens = total_tokens(rows)
    if task.writing is not None or not encoding.asked_loss:
        loss = passes.loss(encoding.rows)
        tokens += total_tokens(encoding.rows)
    found = dict(zip(pieces, outputs, strict=True))
    return Answers(
        [[found[id(piece)] for piece in asked] for asked in encoding.asked], loss, tokens
    )


def require_finite(predictions: Sequence[Prediction]) -> None:
    """Refuse numbers of which some answer would come out all the same, as of any comparison.

    Raises:
        NumericsError: a score is not finite.
    """
    for line in predictions:
        if not all(map(isfinite, line.scores.values())):
            raise NumericsError(
                "NUM-NAN",
                "what the network says of a row is not finite",
                at=line.id,
                expected="finite numbers",
                fix="use an earlier checkpoint, training.precision=float32, or a new run with a "
                "lower training.learning_rate",
            )


@dataclass(frozen=True)
class _Passes:
    """Passes over rows, part by part, nothing kept but what is asked for."""

    network: Network
    task: Task
    tokens_at_once: int
    threads: int

    def read(self, rows: Sequence[EncodedRow], watch: Watch) -> tuple[list[Output], float]:
        """Return the task's output for each row, and the mean loss."""
        outputs: list[Output] = [None] * len(rows)
        total, count = 0.0, 0
        for numbers, (found, loss) in self._parts(rows, self.task.predict):
            if loss is not None:
                total, count = total + float(loss.total), count + loss.count
            for number, output in zip(numbers, found, strict=True):
                outputs[number] = output
            watch(len(numbers))
        return outputs, total / max(count, 1)

    def loss(self, rows: Sequence[EncodedRow]) -> float:
        """Return the mean loss."""
        parts = [part for _, part in self._parts(rows, self.task.loss)]
        return sum(float(part.total) for part in parts) / max(sum(part.count for part in parts), 1)

    def _parts(
        self, rows: Sequence[EncodedRow], look: Callable[[Network, Tensor, FlatBatch], Seen]
    ) -> Iterator[tuple[list[int], Seen]]:
        """Yield the numbers of rows computed together, and what a look at their states says."""
        shared = self.network.shares
        order = sorted(range(len(rows)), key=lambda number: (len(rows[number]), number))
        by_length = [rows[number] for number in order]
        multiple = _SIDES if self.network.device.type == "cpu" else 1
        cuts = micro_batches(by_length, self.tokens_at_once, shared=shared, multiple=multiple)
        parts = [[order[number] for number in cut] for cut in cuts]

        @torch.inference_mode()
        def compute(numbers: list[int]) -> Seen:
            asked = [rows[number] for number in numbers]
            batch = flatten(asked, self.network.device, shared=shared)
            return look(self.network, self.network(batch), batch)

        yield from zip(parts, side_by_side(compute, parts, threads=self.threads), strict=True)


def _written(
    network: Network,
    writing: Writing,
    prompts: Sequence[EncodedRow],
    tokens_at_once: int,
    watch: Watch,
) -> tuple[list[Output], int]:
    written = generate(
        network,
        [prompt.tokens for prompt in prompts],
        writing,
        seed=0,
        tokens_at_once=tokens_at_once,
        watch=watch,
    )
    return [*written], total_tokens(prompts) + sum(len(answer.tokens) for answer in written)
