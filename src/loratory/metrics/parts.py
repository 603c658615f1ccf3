"""What each row adds to a metric's sums, and which rows belong together when rows are drawn again.

    metric = f(Σ over rows of its columns)

Of a mean over some of the rows, these are the row's value and a one; of other metrics, see
`row_sums`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from loratory.metrics.classification import Counts, Floats
from loratory.metrics.predictions import Prediction

SHARE = (0.0, 1.0)
_ANY = (-inf, inf)
_AMOUNTS = (  # all other means over rows are shares
    "rewards/margins",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
)


@dataclass(frozen=True)
class Part:
    """Metrics that are means over some of the rows."""

    holds: NDArray[np.bool_]
    """Which rows these are, `[rows]`."""

    values: dict[str, Floats]
    """Each metric's value for each of them."""


@dataclass(frozen=True)
class RowSums:
    """One metric of one run, row by row."""

    columns: Floats
    """What each row adds to the sums, `[rows, columns]`."""

    metric: Callable[[Floats], Floats]
    """The metric of sums over rows, `[..., columns]` to `[...]`."""

    bounds: tuple[float, float]
    """The lowest and the highest value that the metric can have."""

    outcomes: Floats | None = None
    """Of a metric that counts rows, whether it counts each, 0 or 1; None of all others."""

    @property
    def value(self) -> float:
        """The metric on the rows as they are."""
        return float(self.metric(self.columns.sum(axis=0)))


def part_sums(parts: Sequence[Part]) -> dict[str, RowSums]:
    """Return means over some of the rows: each is the sum of its values, over that of ones."""
    found = {}
    for part in parts:
        for name, values in part.values.items():
            added = np.zeros(len(part.holds))
            added[part.holds] = values
            counts = name not in _AMOUNTS and not name.endswith("f1")
            found[name] = RowSums(
                np.column_stack([added, part.holds]),
                _mean,
                bounds=_ANY if name in _AMOUNTS else SHARE,
                outcomes=added if counts else None,
            )
    return found


def clusters_of(lines: Sequence[Prediction]) -> Counts:
    """Return the number of each line's cluster, from 0 without a gap, `[lines]`.

    Lines of one group are one, such as the questions on a paragraph; a line of none is its own.
    """
    keys = [(line.group, line.id if line.group is None else None) for line in lines]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys])


def _mean(sums: Floats) -> Floats:
    # A resample may hold none of the rows that a metric is of.
    mean: Floats = sums[..., 0] / np.maximum(sums[..., 1], 1)
    return mean
