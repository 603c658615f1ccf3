"""Write the likeliest of several texts that grow side by side: beam search.

Scores and stopping are those of transformers: a finished text's score is the mean log-probability
of its tokens and its end, and the search is over when as many texts have finished as there are
beams and the best that still grows is, as it stands, no better than the worst of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from loratory.inference.decoding import Repetition
from loratory.inference.generate_tokens import Draft, log_probabilities_of
from loratory.models.past import GrowingTexts
from loratory.tasks.task import Writing

Following = list[tuple[int, float, float]]
"""Tokens that may follow a text, each with what it adds to the score and the log-probability."""


@dataclass(frozen=True)
class _Beam:
    """One of the texts that grow after a prompt."""

    row: int
    """Which of the texts that the network last read it goes on from."""

    tokens: tuple[int, ...] = ()
    score: float = 0.0
    """The tokens' log-probabilities, changed by the penalty for repetition."""

    log_probability: float = 0.0

    @property
    def mean(self) -> float:
        """The score of a token, the end included."""
        return self.score / len(self.tokens)


class _Search:
    """The search after one prompt."""

    def __init__(self, draft: Draft, row: int, writing: Writing) -> None:
        self.draft, self.ends = draft, writing.ends
        self.beams, self.most = writing.decoding.num_beams, _most(writing)
        self.growing = [_Beam(row)]
        self.finished: list[_Beam] = []

    def step(self, following: Sequence[Following]) -> None:
        """Go on by one token; `following` is for each row."""
        longer = [
            _Beam(beam.row, (*beam.tokens, token), beam.score + score, beam.log_probability + own)
            for beam in self.growing
            for token, score, own in following[beam.row]
        ]
        best = sorted(longer, key=lambda beam: -beam.score)[: self.most]
        self.finished += filter(self._ends, best[: self.beams])
        self.finished = sorted(self.finished, key=lambda beam: -beam.mean)[: self.beams]
        self.growing = [beam for beam in best if not self._ends(beam)][: self.beams]
        if self._is_over():
            for token in self.finished[0].tokens:
                self.draft.add(token, 0.0, self.ends)
            self.draft.log_probability = self.finished[0].log_probability

    def _ends(self, beam: _Beam) -> bool:
        return beam.tokens[-1] in self.ends or len(beam.tokens) == self.draft.room

    def _is_over(self) -> bool:
        if not self.growing:
            return True
        return len(self.finished) == self.beams and self.growing[0].mean <= self.finished[-1].mean


def write_beams(
    texts: GrowingTexts, drafts: Sequence[Draft], writing: Writing
) -> Iterator[list[Draft]]:
    """Go on by a token after each prompt, then yield the drafts that are done; on until all are."""
    prompts = [draft.prompt for draft in drafts]
    scores = texts.add(prompts)
    repetition = Repetition(writing.decoding.repetition_penalty, prompts)
    searches = [_Search(draft, row, writing) for row, draft in enumerate(drafts)]
    while searches:
        following = _following(scores, repetition, _most(writing))
        for search in searches:
            search.step(following)
        yield [search.draft for search in searches if search.draft.done]
        searches = [search for search in searches if not search.draft.done]
        if searches:
            rows, new = _next_rows(searches)
            texts.select(rows)
            repetition.grow(rows, new)
            scores = texts.grow(new)


def _most(writing: Writing) -> int:
    """Return how many to look at: enough to have all beams grow on though all that can end do."""
    return max(2, 1 + len(writing.ends)) * writing.decoding.num_beams


def _following(logits: Tensor, repetition: Repetition, most: int) -> list[Following]:
    """Return the best tokens that may follow each text, `[texts, vocabulary]`."""
    best = repetition(logits.log_softmax(-1)).topk(min(most, logits.shape[-1]))
    own = log_probabilities_of(logits, best.indices)
    columns = best.indices.tolist(), best.values.tolist(), own.tolist()
    return [list(zip(*row, strict=True)) for row in zip(*columns, strict=True)]


def _next_rows(searches: Sequence[_Search]) -> tuple[list[int], list[int]]:
    """Return which rows the network is to read on from, and their new tokens."""
    rows: list[int] = []
    new: list[int] = []
    for search in searches:
        first = len(rows)
        rows += [beam.row for beam in search.growing]
        new += [beam.tokens[-1] for beam in search.growing]
        search.growing = [
            replace(beam, row=row) for row, beam in enumerate(search.growing, start=first)
        ]
    return rows, new
