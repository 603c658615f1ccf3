"""Where training went: each training row's confidence over the epochs, and what it says of the row.

    confidence    mean over the epochs of p(target), as each epoch met the row
    variability   its standard deviation over the epochs
    correctness   share of the epochs in which the target was the likeliest

Swayamdipta et al. 2020, "Dataset Cartography", arXiv:2009.10795. Regions here are fixed thresholds
and not shares of the data, so that a clean set may hold no suspect row at all:

    suspect     never right, never above 1/2, and on average below 1/4 and half the median row;
                unusual where a row has more right answers than its own, as a text has
    ambiguous   variability from 0.2 (it is 0.5 at most)
    easy        confidence from 1/2
    hard        the rest
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from loratory.metrics.classification import Floats
from loratory.runs.dynamics import RowState

Region = Literal["easy", "ambiguous", "hard", "suspect", "unusual"]
REGIONS: tuple[Region, ...] = get_args(Region)

_EVEN = 0.5
_LOW = 0.25
_VARIABLE = 0.2
_EPOCHS = 2  # from which there is a spread


@dataclass(frozen=True, slots=True)
class RowCourse:
    """How one training row went over the epochs."""

    id: str
    epochs: int
    """Those that met the row."""

    confidence: float
    variability: float | None
    """None with a single epoch."""

    correctness: float
    loss: float
    """Mean over the epochs, in nats."""

    region: Region | None
    """None with a single epoch."""


def row_courses(
    states: Sequence[tuple[int, RowState]], *, one_answer: bool = True
) -> list[RowCourse]:
    """Return how each row went, the most suspicious first: by confidence, and then by loss.

    `states` are the rows' states with their epochs. Of the pieces that a row is read in, an epoch
    counts the mean. Without `one_answer` other answers than a row's own may be as right.
    """
    epochs = {row: _by_epoch(found) for row, found in _by_row(states).items()}
    means = {row: values.mean(axis=0) for row, values in epochs.items()}
    median = float(np.median([mean[1] for mean in means.values()])) if means else 0.0
    low = min(_LOW, median / 2)
    lowest: Region = "suspect" if one_answer else "unusual"
    courses = [_course(row, values, low=low, lowest=lowest) for row, values in epochs.items()]
    if any(course.variability is not None for course in courses):
        return sorted(courses, key=lambda course: (course.confidence, -course.loss))
    return sorted(courses, key=lambda course: -course.loss)


def _by_row(states: Sequence[tuple[int, RowState]]) -> dict[str, list[tuple[int, RowState]]]:
    found: dict[str, list[tuple[int, RowState]]] = {}
    for epoch, state in states:
        found.setdefault(state.id, []).append((epoch, state))
    return found


def _by_epoch(states: Sequence[tuple[int, RowState]]) -> Floats:
    """Return loss, confidence and whether it was right, `[epochs, 3]`."""
    pieces: dict[int, list[tuple[float, float, float]]] = {}
    for epoch, (_, loss, confidence, right) in states:
        pieces.setdefault(epoch, []).append((loss, confidence, float(right)))
    means = [np.mean(found, axis=0) for _, found in sorted(pieces.items())]
    return np.array(means)


def _course(row: str, values: Floats, *, low: float, lowest: Region) -> RowCourse:
    loss, confidence, right = values.mean(axis=0).tolist()
    many = len(values) >= _EPOCHS
    variability = float(values[:, 1].std()) if many else None
    return RowCourse(
        row,
        len(values),
        confidence,
        variability,
        correctness=right,
        loss=loss,
        region=None if variability is None else _region(values, variability, low=low) or lowest,
    )


def _region(values: Floats, variability: float, *, low: float) -> Region | None:
    """Return the row's region; None of one that never came near its answer."""
    confidence, right = values[:, 1], values[:, 2]
    mean = confidence.mean()
    if mean < low and confidence.max() < _EVEN and not right.any():
        return None
    if variability >= _VARIABLE:
        return "ambiguous"
    return "easy" if mean >= _EVEN else "hard"
