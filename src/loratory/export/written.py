"""What two networks write after the same beginnings, and how far apart their scores are meanwhile.

Compared is along what the first one wrote, token by token, as texts grow when they are written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from loratory.batching.rows import Encoding
from loratory.export.certificate import Checked, Difference, difference
from loratory.inference.generate import generate
from loratory.inference.tuned import Tuned
from loratory.models.growing_texts import growing_texts
from loratory.models.network import Network
from loratory.recipe.schema import Decoding
from loratory.tasks.task import Task, Writing, Written

_TEXTS = 32
# What is written where the task itself writes nothing, and no token is said to end it.
_FURTHER = Writing(Decoding(max_new_tokens=16), ())


@dataclass(frozen=True)
class WrittenApart:
    """How far apart two networks are that should write the same."""

    difference: Difference
    """Of the logits of each written token, and of the one that would come next."""

    texts: int
    equal: int
    """Texts of which all tokens are the same."""

    def described(self) -> dict[str, Any]:
        """Return what a certificate says of it."""
        return {
            "texts": self.texts,
            "equal_texts": self.equal,
            "tokens": self.difference.positions,
            "max_logit_difference": self.difference.greatest,
            "mean_logit_difference": self.difference.mean,
        }


def written_apart(tuned: Tuned, shipped: Tuned, checked: Checked) -> WrittenApart:
    """Let both write after some of the rows' beginnings."""
    prompts = _beginnings(tuned.task, checked.encoding)
    writing = tuned.task.writing or _FURTHER
    most = tuned.compute.tokens_at_once
    networks = [each.base.network for each in (tuned, shipped)]
    ours, theirs = (
        [text.tokens for text in _written(network, prompts, writing, most)] for network in networks
    )
    apart = difference(
        zip(*(_along(network, prompts, ours, most) for network in networks), strict=True)
    )
    equal = sum(one == other for one, other in zip(ours, theirs, strict=True))
    return WrittenApart(apart, len(prompts), equal)


def _beginnings(task: Task, encoding: Encoding) -> list[tuple[int, ...]]:
    """Return the prompts of a task that writes; else what stands before half of what is read."""
    pieces = [piece for (piece, *_) in encoding.asked]
    count = min(_TEXTS, len(pieces))
    # From all over, since rows of one kind may stand together.
    chosen = [pieces[number * len(pieces) // count] for number in range(count)]
    if task.writing is not None:
        return [piece.tokens for piece in chosen]
    return [piece.tokens[: 1 + piece.positions[len(piece.positions) // 2]] for piece in chosen]


def _written(
    network: Network, prompts: Sequence[Sequence[int]], writing: Writing, most: int
) -> list[Written]:
    return generate(network, prompts, writing, seed=0, tokens_at_once=most)


@torch.inference_mode()
def _along(
    network: Network,
    prompts: Sequence[Sequence[int]],
    written: Sequence[Sequence[int]],
    most: int,
) -> Iterator[Tensor]:
    """Yield logits behind the prompts, `[texts, vocabulary]`, then behind each written token."""
    texts = growing_texts(network, tokens_at_once=most)
    yield texts.add(prompts)
    rows = [*range(len(prompts))]
    for step in range(max(map(len, written))):
        kept = [place for place, row in enumerate(rows) if len(written[row]) > step]
        texts.select(kept)
        rows = [rows[place] for place in kept]
        yield texts.grow([written[row][step] for row in rows])
