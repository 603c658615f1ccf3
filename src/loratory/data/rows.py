"""Rows, and the data set they make."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from loratory.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """One text and its class."""

    id: str
    """SPLIT/number of the row in its source, from 0; unique within its split."""

    text: str
    label: int
    """Index into the data set's labels."""

    place: str
    """File and line, for messages; the rows of Parquet files and of the hub count from 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A right answer, and where in its context it begins, in characters."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question about a context, and every answer that counts as right."""

    id: str
    """The question's own id, unique within its split."""

    question: str
    context: str
    answers: tuple[Answer, ...]
    """Empty where the context holds no answer."""

    place: str
    """File and the question's place in it, for messages."""

    article: str = ""
    """Title of the article that the context is from; questions of one article belong together."""

    @property
    def paragraph(self) -> str:
        """A short name of the context, which questions on the same one share."""
        return sha256(self.context.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem whose answer is a number."""

    id: str
    """SPLIT/number of the problem in its source, from 0."""

    problem: str
    answer: str
    """The number, without unit; empty where nobody knows it."""

    solution: str
    """The steps to it, on one line; empty where there are none."""

    place: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """A plain text."""

    id: str
    """SPLIT/number of the text in its source, from 0."""

    text: str
    place: str


class Message(NamedTuple):
    """What one side of a chat says."""

    role: str
    content: str


Said = str | tuple[Message, ...]
"""A text, or the messages of a chat."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """A prompt and two answers to it, of which one is preferred; texts, or messages all three."""

    id: str
    """SPLIT/number of the pair in its source, from 0."""

    prompt: Said
    chosen: Said
    rejected: Said
    place: str


AnyRow = Row | QuestionRow | TextRow | ProblemRow | PairRow


def plain(said: Said) -> str:
    """Return a text as it is, or what the messages say, one after the other."""
    return said if isinstance(said, str) else "\n".join(message.content for message in said)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a split came from."""

    description: str
    digest: str
    """sha256 of the file's bytes; of the rows where they came from the hub."""

    rows: int
    """Rows read, the malformed ones included."""

    skipped: int
    """Malformed rows that were left out."""


@dataclass(frozen=True)
class Dataset:
    """The rows a run uses, split by split, after holdout and limits."""

    labels: tuple[str, ...]
    """Class names in the order of their numbers; none for questions and plain texts."""

    splits: dict[str, tuple[Any, ...]]
    """The rows of each split, all of one kind: `Row`, `QuestionRow`, `TextRow` or `PairRow`."""

    sources: dict[str, Source]
    warnings: tuple[str, ...] = ()
    examples: tuple[Any, ...] = ()
    """Training rows that may stand solved before prompts."""

    held_out: tuple[Any, ...] = ()
    """All rows outside the training split, those too that the run leaves out."""

    @cached_property
    def digest(self) -> dict[str, str]:
        """The digest of each split's rows."""
        return {split: rows_digest(rows) for split, rows in self.splits.items()}

    def rows(self, split: str) -> tuple[Any, ...]:
        """Return the rows of `split`.

        Raises:
            DataError: the data set has no such split (DATA-SPLIT).
        """
        if split not in self.splits:
            raise missing_split(split, self.splits)
        return self.splits[split]


def missing_split(split: str, there_are: Iterable[str], *, at: str | None = None) -> DataError:
    """Return the error for a split that the data does not have."""
    return DataError(
        "DATA-SPLIT",
        f"the data has no {split} split; there are: {', '.join(there_are) or 'none'}",
        at=at,
        fix=f"use one of those, add the {split} file, or hold rows out of the training rows with "
        "data.holdout",
    )


def rows_digest(rows: Iterable[AnyRow]) -> str:
    """Return the sha256 of rows, in order: of everything in them but id and place."""
    digest = sha256()
    for row in rows:
        digest.update(json.dumps(_content(row)).encode() + b"\n")
    return digest.hexdigest()


def _content(row: AnyRow) -> list[object]:
    """Return what is in a row, whoever names it."""
    match row:
        case Row():
            return [row.text, row.label]
        case QuestionRow():
            return [row.question, row.context, [[a.text, a.start] for a in row.answers]]
        case TextRow():
            return [row.text]
        case PairRow():
            return [row.prompt, row.chosen, row.rejected]
        case ProblemRow():
            return [row.problem, row.answer, row.solution]
