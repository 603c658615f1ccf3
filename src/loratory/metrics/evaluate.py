"""The complete account of a classifier, from its prediction lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loratory.errors import DataError
from loratory.metrics.calibration import Calibration, classification_calibration
from loratory.metrics.classification import (
    Counts,
    Floats,
    classification_metrics,
    confusion_matrix,
)
from loratory.metrics.intervals import classification_intervals
from loratory.metrics.predictions import Prediction

_FIX = "evaluate the run again on rows that carry its labels"


@dataclass(frozen=True)
class ClassificationScores:
    """How good predictions are, and how sure one can be of it."""

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap interval of each metric."""

    confusion: Counts
    """Rows of each target (down) and prediction (across), `[classes, classes]`."""

    calibration: Calibration


def evaluate_classification(
    predictions: Sequence[Prediction], labels: Sequence[str]
) -> ClassificationScores:
    """Return metrics, intervals, confusion matrix and calibration of predictions over `labels`.

    Raises:
        DataError: there are no predictions (DATA-EMPTY), one lacks its target or a class's score
            (EVAL-MISSING), or names a class that is not in `labels` (DATA-LABEL).
    """
    if not predictions:
        raise DataError("DATA-EMPTY", "there are no predictions to score", fix=_FIX)
    targets, predicted = class_numbers(predictions, labels)
    confusion = confusion_matrix(targets, predicted, classes=len(labels))
    return ClassificationScores(
        metrics={name: float(value) for name, value in classification_metrics(confusion).items()},
        intervals=classification_intervals(confusion),
        confusion=confusion,
        calibration=classification_calibration(
            class_probabilities(predictions, labels), targets, predicted=predicted
        ),
    )


def class_numbers(
    predictions: Sequence[Prediction], labels: Sequence[str]
) -> tuple[Counts, Counts]:
    """Return the number in `labels` of each line's target, and of its prediction: `[rows]` each.

    Raises:
        DataError: a line lacks its target (EVAL-MISSING), or names no class of `labels`
            (DATA-LABEL).
    """
    numbers = {label: number for number, label in enumerate(labels)}
    targets = [_number(numbers, line, line.target) for line in predictions]
    predicted = [_number(numbers, line, line.prediction) for line in predictions]
    return np.array(targets, dtype=np.int64), np.array(predicted, dtype=np.int64)


def _number(numbers: dict[str, int], line: Prediction, label: str | tuple[str, ...] | None) -> int:
    if label is None:
        raise DataError("EVAL-MISSING", "a row has no target to score", at=line.id, fix=_FIX)
    if not isinstance(label, str) or label not in numbers:
        raise DataError(
            "DATA-LABEL",
            "a row's label is not one of the classes",
            at=line.id,
            got=label,
            expected=" or ".join(numbers),
            fix=_FIX,
        )
    return numbers[label]


def class_probabilities(predictions: Sequence[Prediction], labels: Sequence[str]) -> Floats:
    """Return the probability of each class, `[rows, classes]`, in the order of `labels`."""
    for line in predictions:
        if missing := [label for label in labels if label not in line.scores]:
            raise DataError(
                "EVAL-MISSING", f"a row has no score for {missing[0]!r}", at=line.id, fix=_FIX
            )
    return np.array([[line.scores[label] for label in labels] for line in predictions])
