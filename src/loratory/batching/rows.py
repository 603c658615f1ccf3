"""Encoded rows: the one thing a task hands to the batch builder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row as the network reads it.

    `segments` are the row's tokens in pieces, those that rows may share first (an instruction,
    a paragraph) and the row's own last. `positions` count from the row's first token: there the
    task reads the network, and `targets` (one for each position) is what it should find.
    """

    segments: tuple[tuple[int, ...], ...]
    positions: tuple[int, ...]
    targets: tuple[int, ...]

    beside: tuple["EncodedRow", ...] = ()
    """Texts that say something only together with this one, such as the rejected answer of a pair:
    they stand behind it in the same batch."""

    given: tuple[float, ...] = ()
    """Numbers that the loss compares with and the network does not say, such as a reference's."""

    @property
    def tokens(self) -> tuple[int, ...]:
        """All tokens of the row's own text, in reading order."""
        return tuple(token for segment in self.segments for token in segment)

    @property
    def texts(self) -> tuple["EncodedRow", ...]:
        """The row, and what stands beside it."""
        return (self, *self.beside)

    def __len__(self) -> int:
        """Return the number of tokens, those beside it included."""
        return sum(map(len, self.segments)) + sum(map(len, self.beside))


@dataclass(frozen=True)
class Encoding:
    """The rows of a split as the network reads them, and what the reading cost them."""

    rows: tuple[EncodedRow, ...]
    """What the network learns from; a row of the data may give several, or none."""

    asked: tuple[tuple[EncodedRow, ...], ...]
    """What it is asked, for each row of the data. One object asked twice is computed once."""

    truncated: int = 0
    """Rows whose end was cut off."""

    notes: tuple[str, ...] = ()
    """What a person should know about how these rows were read."""

    asked_loss: bool = True
    """Whether the loss over what is asked is that over `rows`: then one pass gives both."""

    learned_of: tuple[int, ...] = ()
    """The number of the data's row that each of `rows` is of; empty where they are one to one."""

    examples: tuple[tuple[str, ...], ...] = ()
    """The ids of the rows that stand solved before each row of the data; empty where none do."""


def one_each(rows: Sequence[EncodedRow], **further: Any) -> Encoding:
    """Return the encoding of rows that are asked just what they are learned from."""
    return Encoding(tuple(rows), tuple((row,) for row in rows), **further)


def total_tokens(rows: Iterable[EncodedRow]) -> int:
    """Return the number of tokens of all rows."""
    return sum(map(len, rows))
