"""Intervals: those of a bootstrap over rows, which hold the truth as often as they say."""

import tracemalloc

import numpy as np
import pytest

from loratory.metrics.classification import classification_metrics, confusion_matrix
from loratory.metrics.intervals import classification_intervals, mean_intervals, sum_intervals


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


def test_intervals_of_means_are_those_of_resampling_rows():
    generator = np.random.default_rng(0)
    right = (generator.random(200) < 0.3).astype(float)
    values = {"exact": right, "overlap": np.maximum(right, generator.random(200))}
    ours = mean_intervals(values)
    draws = np.random.default_rng(1).integers(0, 200, size=(20_000, 200))
    for name, column in values.items():
        expected = np.percentile(column[draws].mean(axis=1), [2.5, 97.5])
        # Each end is a percentile of 2,000 draws whose spread is about 0.03.
        assert ours[name] == pytest.approx(tuple(expected), abs=0.006)


def test_intervals_of_means_are_those_of_the_same_confusion_matrix():
    right = np.array([1.0] * 120 + [0.0] * 80)
    matrix = np.array([[60, 40], [40, 60]])
    expected = classification_intervals(matrix)["accuracy"]
    assert mean_intervals({"accuracy": right})["accuracy"] == pytest.approx(expected, abs=0.011)


def test_intervals_of_ratios_are_those_of_resampling_both_their_sides():
    generator = np.random.default_rng(0)
    columns = np.column_stack([generator.poisson(3, 150), generator.integers(1, 30, 150)])
    ours = sum_intervals(columns, lambda sums: {"ratio": sums[:, 0] / sums[:, 1]})["ratio"]
    sums = columns[np.random.default_rng(1).integers(0, 150, size=(20_000, 150))].sum(axis=1)
    expected = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    assert ours == pytest.approx(tuple(expected), abs=0.004)  # of draws whose spread is 0.014


def test_intervals_of_means_hold_the_true_value_in_about_95_of_100_data_sets():
    generator, held = np.random.default_rng(0), 0
    for _ in range(200):
        low, high = mean_intervals({"f1": generator.beta(0.5, 0.5, 100)})["f1"]
        held += low <= 0.5 <= high
    assert 0.90 <= held / 200 <= 0.98


def test_the_metrics_of_a_row_are_drawn_together():
    values = np.random.default_rng(0).random(30)
    together = mean_intervals({"one": values, "same": values, "half": values / 2})
    assert together["one"] == together["same"] == mean_intervals({"one": values})["one"]
    assert together["half"] == pytest.approx(tuple(end / 2 for end in together["one"]))


@pytest.mark.parametrize("values", [[0.0], [1.0], [1.0, 1.0, 1.0], [1 / 3] * 7])
def test_rows_that_are_all_alike_have_an_interval_without_width(values):
    ends = mean_intervals({"f1": np.array(values)})["f1"]
    assert ends == pytest.approx((values[0], values[0]), rel=1e-15)


def test_many_rows_are_resampled_in_little_memory():
    values = np.random.default_rng(0).random(20_000)
    tracemalloc.start()
    mean_intervals({"exact_match": values, "f1": values})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6  # 2,000 resamples of 20,000 rows at once are 320 MB
