"""Texts that begin alike as a tree, so that what they share is laid out, and computed, once.

A piece is a run of tokens. The texts that go on from it follow it directly, each with pieces of its
own, and all that come before the piece's `reach` do. A text is the way from a first piece to where
it ends, so a causal model says the same of every token as if each text stood alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# A shorter common beginning is computed twice: a piece costs a few small products of its own.
LEAST_SHARED = 8

Tokens = tuple[int, ...]


class Piece(NamedTuple):
    """Where a piece stands in the flat sequence."""

    start: int
    end: int
    reach: int
    """Where the last text ends that goes on from here; `end`, if none does."""


@dataclass(frozen=True)
class Tree:
    """Texts laid out with common beginnings shared."""

    tokens: Tokens
    """The flat sequence."""

    places: Tokens
    """Place of each of its tokens in its text."""

    pieces: tuple[Piece, ...]
    ways: tuple[tuple[tuple[int, int], ...], ...]
    """For each text, in the order given, its pieces: where in the text each begins, and where in
    the flat sequence."""

    def at(self, text: int, place: int) -> int:
        """Return where the token at `place` of `text` stands in the flat sequence."""
        begins, start = next(step for step in reversed(self.ways[text]) if step[0] <= place)
        return start + place - begins


def grow_tree(texts: Sequence[Tokens]) -> Tree:
    """Lay texts out with their common beginnings shared."""
    growing = _Growing()
    ways: list[tuple[tuple[int, int], ...]] = [()] * len(texts)
    before: Tokens = ()
    for text in sorted(range(len(texts)), key=texts.__getitem__):
        ways[text] = growing.add(texts[text], common_length(before, texts[text]))
        before = texts[text]
    pieces = tuple(Piece(*piece) for piece in sorted(growing.pieces))
    return Tree(tuple(growing.tokens), tuple(growing.places), pieces, tuple(ways))


def common_length(one: Tokens, other: Tokens) -> int:
    """Return how many tokens two texts begin with in common."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    low, high = 0, most  # the first `low` are the same, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle)
    return low


class _Growing:
    """A tree to which sorted texts are added one by one.

    A piece is cut where a text leaves it. What is cut off follows directly, so that the ways of
    earlier texts through it stay right.
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.places: list[int] = []
        self.pieces: list[list[int]] = []  # start, end, reach
        self._way: list[tuple[int, list[int]]] = []  # of the last text: where in it, and the piece

    def add(self, text: Tokens, common: int) -> tuple[tuple[int, int], ...]:
        """Add a text that has `common` first tokens in common with the last; return its way."""
        way, shared = [], 0
        for begins, piece in self._way:
            ends = begins + piece[1] - piece[0]
            if ends > common:
                if common - begins >= LEAST_SHARED:
                    self._cut(piece, piece[0] + common - begins)
                    way.append((begins, piece))
                    shared = common
                break
            way.append((begins, piece))
            shared = ends
        if shared < len(text):
            start, end = len(self.tokens), len(self.tokens) + len(text) - shared
            self.tokens += text[shared:]
            self.places += range(shared, len(text))
            for _, piece in way:
                piece[2] = end
            self.pieces.append([start, end, end])
            way.append((shared, self.pieces[-1]))
        self._way = way
        return tuple((begins, piece[0]) for begins, piece in way)

    def _cut(self, piece: list[int], at: int) -> None:
        start, end, reach = piece
        piece[:] = [start, at, reach]
        self.pieces.append([at, end, reach])
