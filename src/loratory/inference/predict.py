"""Predict rows: similar lengths together, so many tokens at once, results in the rows' order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from loratory.batching.flat import flatten
from loratory.batching.plan import split_by_tokens
from loratory.batching.rows import EncodedRow, total_tokens
from loratory.models.network import Network
from loratory.tasks.task import Task


@dataclass(frozen=True)
class Answers:
    """What the network says about rows."""

    scores: list[list[float]]
    """For each row, the scores of its candidates."""

    loss: float
    """Mean loss over the rows' units; it means something only where the targets are known."""

    tokens: int


@torch.inference_mode()
def predict_rows(
    network: Network,
    task: Task,
    rows: Sequence[EncodedRow],
    *,
    tokens_at_once: int,
    watch: Callable[[int], None] = lambda _: None,
) -> Answers:
    """Return the network's answers for `rows`; `watch` hears of each part, in rows.

    Which rows are computed together is a pure function of their lengths.
    """
    network.eval()
    order = sorted(range(len(rows)), key=lambda number: (len(rows[number]), number))
    lengths = [len(rows[number]) for number in order]
    scores: list[list[float]] = [[] for _ in rows]
    total, count = 0.0, 0
    for part in split_by_tokens(lengths, tokens_at_once):
        numbers = order[part]
        batch = flatten([rows[number] for number in numbers], network.device)
        hidden = network(batch)
        loss = task.loss(network, hidden, batch)
        total, count = total + float(loss.total), count + loss.count
        for number, found in zip(numbers, task.predict(network, hidden, batch), strict=True):
            scores[number] = found
        watch(len(numbers))
    return Answers(scores, total / max(count, 1), total_tokens(rows))
