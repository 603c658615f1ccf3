"""The flat batch: texts laid end to end, each attending to itself, positions starting anew.

Where beginnings are shared, a token that several texts begin with stands there once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor

from loratory.batching.rows import EncodedRow
from loratory.batching.tree import Piece, grow_tree


@dataclass(frozen=True)
class FlatBatch:
    """Rows as one sequence. Nothing in it is padding."""

    input_ids: Tensor
    """Tokens of all rows, `[tokens]`."""

    position_ids: Tensor
    """Place of each token in its own row, `[tokens]`."""

    pieces: tuple[Piece, ...]
    """What the sequence is made of: a piece for each row, but for rows that begin alike."""

    read_at: Tensor
    """Tokens at which the task reads the network, `[positions]`."""

    targets: Tensor
    """What the task should find there, `[positions]`."""

    counts: tuple[int, ...]
    """How many of the positions each text has: a row, and what stands beside it."""

    given: Tensor = field(default_factory=lambda: torch.empty(0))
    """What the rows were given to compare with, one after the other, `[numbers]`."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.input_ids)

    @property
    def branches(self) -> bool:
        """Whether rows share a beginning."""
        return any(piece.reach > piece.end for piece in self.pieces)

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """First token and end of each row within the sequence, where none shares a beginning."""
        if self.branches:
            raise ValueError("rows that share a beginning have no bounds of their own")
        return tuple((piece.start, piece.end) for piece in self.pieces)


def flatten(
    rows: Sequence[EncodedRow], device: torch.device | str = "cpu", *, shared: bool = False
) -> FlatBatch:
    """Lay `rows` end to end; what they begin with in common once, if it may be `shared`."""
    given = [number for row in rows for number in row.given]
    rows = [text for row in rows for text in row.texts]
    texts = [row.tokens for row in rows]
    if shared:
        tree = grow_tree(texts)
        tokens, places, pieces = tree.tokens, tree.places, tree.pieces
        read_at = [tree.at(text, at) for text, row in enumerate(rows) for at in row.positions]
    else:
        ends = list(accumulate(map(len, texts)))
        starts = [0, *ends[:-1]]
        tokens = tuple(token for text in texts for token in text)
        places = tuple(place for text in texts for place in range(len(text)))
        pieces = tuple(Piece(start, end, end) for start, end in zip(starts, ends, strict=True))
        read_at = [
            start + at for start, row in zip(starts, rows, strict=True) for at in row.positions
        ]

    def whole(values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    return FlatBatch(
        input_ids=whole(tokens),
        position_ids=whole(places),
        pieces=pieces,
        read_at=whole(read_at),
        targets=whole([target for row in rows for target in row.targets]),
        counts=tuple(len(row.positions) for row in rows),
        given=torch.tensor(given, dtype=torch.float32, device=device),
    )
