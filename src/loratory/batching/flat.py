"""The flat batch: texts laid end to end, each attending to itself, positions starting anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from loratory.batching.rows import EncodedRow


@dataclass(frozen=True)
class FlatBatch:
    """Rows as one sequence. Nothing in it is padding."""

    input_ids: Tensor
    """Tokens of all rows, `[tokens]`."""

    position_ids: Tensor
    """Place of each token in its own row, `[tokens]`."""

    bounds: tuple[tuple[int, int], ...]
    """First token and end of each row within the sequence."""

    read_at: Tensor
    """Tokens at which the task reads the network, `[positions]`."""

    targets: Tensor
    """What the task should find there, `[positions]`."""

    counts: tuple[int, ...]
    """How many of the positions each row has."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.input_ids)


def flatten(rows: Sequence[EncodedRow], device: torch.device | str = "cpu") -> FlatBatch:
    """Lay `rows` end to end."""
    ends = list(accumulate(map(len, rows)))
    starts = [0, *ends[:-1]]
    read_at = [
        start + position
        for start, row in zip(starts, rows, strict=True)
        for position in row.positions
    ]

    def whole(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    return FlatBatch(
        input_ids=whole([token for row in rows for token in row.tokens]),
        position_ids=whole([place for row in rows for place in range(len(row))]),
        bounds=tuple(zip(starts, ends, strict=True)),
        read_at=whole(read_at),
        targets=whole([target for row in rows for target in row.targets]),
        counts=tuple(len(row.positions) for row in rows),
    )
