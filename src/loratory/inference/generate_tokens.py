"""Write token by token: the likeliest each time, or one that is drawn."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from loratory.errors import NumericsError
from loratory.inference.decoding import Repetition, drawn, keep_top_k, keep_top_p
from loratory.models.past import GrowingTexts
from loratory.recipe.schema import Decoding
from loratory.recipe.streams import stream_seed
from loratory.tasks.task import Writing, Written


@dataclass
class Draft:
    """What is written after a prompt, so far."""

    number: int
    """The prompt's place among all of them; its random numbers depend on nothing else."""

    prompt: Sequence[int]
    room: int
    """The most tokens to write."""

    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    ended: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing more is to be written."""
        return self.ended or len(self.tokens) == self.room

    def add(self, token: int, log_probability: float, ends: Collection[int]) -> None:
        """Write `token`, or end with it."""
        self.log_probability += log_probability
        if token in ends:
            self.ended = True
        else:
            self.tokens.append(token)

    def written(self) -> Written:
        """Return the result."""
        return Written(tuple(self.tokens), self.log_probability, cut=not self.ended)


def write_tokens(
    texts: GrowingTexts, drafts: Sequence[Draft], writing: Writing, seed: int
) -> Iterator[list[Draft]]:
    """Write a token of each draft, then yield those that are done; on until all are."""
    scores = texts.add([draft.prompt for draft in drafts])
    choice = _Choice(writing.decoding, drafts, seed)
    growing = list(drafts)
    while growing:
        for draft, found in zip(growing, choice(scores, growing), strict=True):
            draft.add(*found, writing.ends)
        yield [draft for draft in growing if draft.done]
        kept = _closed_up([not draft.done for draft in growing])
        growing = [growing[row] for row in kept]
        if growing:
            new = [draft.tokens[-1] for draft in growing]
            texts.select(kept)
            choice.repetition.grow(kept, new)
            scores = texts.grow(new)


def log_probabilities_of(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return what the network gives `tokens`, `[texts, n]`, by its scores `[texts, vocabulary]`.

    Raises:
        NumericsError: the scores are not all finite.
    """
    found = logits.gather(1, tokens) - logits.logsumexp(-1, keepdim=True)
    if not found.isfinite().all():
        raise NumericsError(
            "LOGITS-NAN",
            "the network's scores of the next token are not finite",
            at="generation",
            fix="use an earlier checkpoint, or training.precision=float32",
        )
    return found


class _Choice:
    """Chooses the next token of each text."""

    def __init__(self, decoding: Decoding, drafts: Sequence[Draft], seed: int) -> None:
        self.decoding = decoding
        self.repetition = Repetition(
            decoding.repetition_penalty, [draft.prompt for draft in drafts]
        )
        self.random = {
            draft.number: np.random.Generator(
                np.random.PCG64(stream_seed(seed, "sampling", draft.number))
            )
            for draft in drafts
        }

    def __call__(self, logits: Tensor, drafts: Sequence[Draft]) -> list[tuple[int, float]]:
        """Return a token of each draft, with the log-probability that the network gives it."""
        scores = self.repetition(logits)
        if self.decoding.kind == "sample":
            tokens = self._drawn(scores, drafts)
        else:
            tokens = scores.argmax(-1)
        found = log_probabilities_of(logits, tokens[:, None])[:, 0]
        return list(zip(tokens.tolist(), found.tolist(), strict=True))

    def _drawn(self, scores: Tensor, drafts: Sequence[Draft]) -> Tensor:
        found = scores / self.decoding.temperature
        if self.decoding.top_k:
            found = keep_top_k(found, self.decoding.top_k)
        if self.decoding.top_p < 1:
            found = keep_top_p(found, self.decoding.top_p)
        numbers = [self.random[draft.number].random() for draft in drafts]
        return drawn(found, torch.tensor(numbers, dtype=torch.float64, device=scores.device))


def _closed_up(kept: Sequence[bool]) -> list[int]:
    """Return the places that are kept, the last ones moved into the gaps: few have to move."""
    count = sum(kept)
    places = list(range(count))
    movers = iter(place for place in range(count, len(kept)) if kept[place])
    return [place if kept[place] else next(movers) for place in places]
