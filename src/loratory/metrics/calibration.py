"""Calibration: whether a model that says 90 % is right in nine of ten cases.

The confidence of a row is the probability of the predicted class. Rows are put into 15 bins of
equal width by confidence, (0, 1/15], (1/15, 2/15] …; the expected calibration error is the mean
over the rows of |confidence - accuracy| of their bin. Guo et al. 2017, arXiv:1706.04599.

The Brier score is the mean squared error of the probabilities: of the positive class for two
classes (0 to 1), summed over the classes for more (0 to 2), as in scikit-learn.
Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
"""

from dataclasses import dataclass

import numpy as np

from loratory.metrics.classification import Counts, Floats

_BINS = 15
_BINARY = 2


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The rows whose confidence lies between `low` (excluded) and `high`."""

    low: float
    high: float
    rows: int
    confidence: float
    """Their mean confidence."""

    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well a model's probabilities agree with its accuracy."""

    expected_calibration_error: float
    brier_score: float
    bins: tuple[ReliabilityBin, ...]
    """Those that hold a row, from low confidence to high."""


def classification_calibration(
    probabilities: Floats, targets: Counts, *, predicted: Counts
) -> Calibration:
    """Return the calibration of probabilities `[rows, classes]` for class numbers `[rows]`."""
    confidence = probabilities[np.arange(len(targets)), predicted]
    bins = _reliability_bins(confidence, predicted == targets)
    error = sum(bin_.rows * abs(bin_.confidence - bin_.accuracy) for bin_ in bins) / len(targets)
    return Calibration(error, _brier_score(probabilities, targets), bins)


def _reliability_bins(
    confidence: Floats, right: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[ReliabilityBin, ...]:
    numbers = np.clip(np.ceil(confidence * _BINS).astype(np.int64) - 1, 0, _BINS - 1)
    return tuple(
        ReliabilityBin(
            low=number / _BINS,
            high=(number + 1) / _BINS,
            rows=int(np.count_nonzero(numbers == number)),
            confidence=float(confidence[numbers == number].mean()),
            accuracy=float(right[numbers == number].mean()),
        )
        for number in np.unique(numbers).tolist()
    )


def _brier_score(probabilities: Floats, targets: Counts) -> float:
    classes = probabilities.shape[1]
    squares = (probabilities - np.eye(classes)[targets]) ** 2
    # With two classes both squares are the same number; counting it once is the usual convention.
    return float(squares.sum(axis=1).mean() / (2 if classes == _BINARY else 1))
