"""Encoded rows: the one thing a task hands to the batch builder."""

from collections.abc import Iterable
from dataclasses import dataclass


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

    @property
    def tokens(self) -> tuple[int, ...]:
        """All tokens of the row, in reading order."""
        return tuple(token for segment in self.segments for token in segment)

    def __len__(self) -> int:
        """Return the number of tokens."""
        return sum(map(len, self.segments))


@dataclass(frozen=True)
class Encoding:
    """The rows of a split as the network reads them, and what the reading cost them."""

    rows: tuple[EncodedRow, ...]
    truncated: int
    """Rows whose end was cut off."""

    notes: tuple[str, ...]
    """What a person should know about how these rows were read."""


def total_tokens(rows: Iterable[EncodedRow]) -> int:
    """Return the number of tokens of all rows."""
    return sum(map(len, rows))
