"""Answer rows: similar lengths together, so many tokens at once, results in the rows' order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from loratory.batching.flat import flatten
from loratory.batching.plan import split_by_tokens
from loratory.batching.rows import EncodedRow, Encoding, total_tokens
from loratory.inference.generate import generate
from loratory.models.network import Network
from loratory.tasks.task import Output, Task, Writing

Watch = Callable[[int], None]


@dataclass(frozen=True)
class Answers:
    """What the network says about rows."""

    outputs: list[list[Output]]
    """For each row of the data, the task's output for each of the pieces it was asked."""

    loss: float
    """Mean loss over the rows' units; it means something only where the targets are known."""

    tokens: int
    """Tokens that were read or written."""


@torch.inference_mode()
def answer_rows(
    network: Network,
    task: Task,
    encoding: Encoding,
    *,
    tokens_at_once: int,
    watch: Watch = lambda _: None,
) -> Answers:
    """Return the network's answers to an encoded split; `watch` hears of each part, in pieces.

    Which pieces are computed together is a pure function of their lengths.
    """
    network.eval()
    pieces = {id(piece): piece for asked in encoding.asked for piece in asked}
    rows = list(pieces.values())
    if task.writing is not None:
        outputs, tokens = _written(network, task.writing, rows, tokens_at_once, watch)
    else:
        outputs, tokens = [None] * len(rows), total_tokens(rows)
        total, count = _passes(network, task, rows, tokens_at_once, (outputs, watch))
    if task.writing is not None or not encoding.asked_loss:
        total, count = _passes(network, task, encoding.rows, tokens_at_once, None)
        tokens += total_tokens(encoding.rows)
    found = dict(zip(pieces, outputs, strict=True))
    return Answers(
        [[found[id(piece)] for piece in asked] for asked in encoding.asked],
        total / max(count, 1),
        tokens,
    )


def _passes(
    network: Network,
    task: Task,
    rows: Sequence[EncodedRow],
    tokens_at_once: int,
    read: tuple[list[Output], Watch] | None,
) -> tuple[float, int]:
    """Pass over `rows` once; return the loss and its count, and fill in the outputs to `read`."""
    order = sorted(range(len(rows)), key=lambda number: (len(rows[number]), number))
    lengths = [len(rows[number]) for number in order]
    total, count = 0.0, 0
    for part in split_by_tokens(lengths, tokens_at_once):
        numbers = order[part]
        batch = flatten([rows[number] for number in numbers], network.device)
        hidden = network(batch)
        loss = task.loss(network, hidden, batch)
        total, count = total + float(loss.total), count + loss.count
        if read is not None:
            outputs, watch = read
            for number, found in zip(numbers, task.predict(network, hidden, batch), strict=True):
                outputs[number] = found
            watch(len(numbers))
    return total, count


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
