"""Intervals: those of a bootstrap over rows, which hold the truth as often as they say."""

import tracemalloc

import numpy as np
import pytest

from loratory.metrics.classification import classification_metrics, confusion_matrix
from loratory.metrics.intervals import classification_intervals


def resampled_row_by_row(targets, predictions, *, classes, resamples=4000):
    """Return the metrics of resamples that are drawn one row at a time."""
    generator = np.random.default_rng(1)
    matrices = []
    for _ in range(resamples):
        rows = generator.integers(0, len(targets), size=len(targets))
        matrices.append(confusion_matrix(targets[rows], predictions[rows], classes=classes))
    return classification_metrics(np.stack(matrices))


@pytest.mark.parametrize("classes", [2, 4])
def test_intervals_are_those_of_resampling_rows(classes):
    generator = np.random.default_rng(0)
    targets = generator.integers(0, classes, size=300)
    predictions = np.where(generator.random(300) < 0.7, targets, (targets + 1) % classes)
    ours = classification_intervals(confusion_matrix(targets, predictions, classes=classes))
    for name, values in resampled_row_by_row(targets, predictions, classes=classes).items():
        # Each end is a percentile of some thousand draws whose spread is about 0.03.
        assert ours[name] == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=0.012)


@pytest.mark.parametrize("name", ["accuracy", "f1", "matthews_correlation"])
def test_intervals_hold_the_true_value_in_about_95_of_100_data_sets(name):
    shares = np.array([[0.40, 0.10], [0.08, 0.42]])
    truth = classification_metrics((shares * 100).astype(int))[name]
    draws = np.random.default_rng(0).multinomial(250, shares.ravel(), size=400)
    held = 0
    for draw in draws:
        low, high = classification_intervals(draw.reshape(2, 2))[name]
        held += low <= truth <= high
    assert 0.92 <= held / 400 <= 0.98


def test_the_same_rows_have_the_same_intervals():
    confusion = np.array([[40, 10], [15, 35]])
    assert classification_intervals(confusion) == classification_intervals(confusion)


@pytest.mark.parametrize(
    "confusion",
    [
        [[5, 0], [0, 0]],
        [[0, 0], [0, 1]],
        [[0, 3], [0, 0]],
        [[0, 0, 0], [0, 7, 0], [0, 0, 0]],
        [[1, 0, 0], [0, 0, 1], [0, 0, 0]],
    ],
)
def test_degenerate_rows_give_finite_intervals_around_the_value(confusion):
    values = classification_metrics(np.array(confusion))
    for name, (low, high) in classification_intervals(np.array(confusion)).items():
        assert np.isfinite([low, high]).all()
        assert low <= values[name] <= high


def test_many_classes_are_resampled_in_little_memory():
    confusion = confusion_matrix(*np.random.default_rng(0).integers(0, 150, (2, 1000)), classes=150)
    tracemalloc.start()
    classification_intervals(confusion)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6  # 2,000 matrices of 150 x 150 counts at once are 360 MB
