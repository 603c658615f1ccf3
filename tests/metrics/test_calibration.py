"""Calibration: equal to counting row by row, and to scikit-learn's Brier score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from loratory.metrics.calibration import classification_calibration


def answers(seed, *, rows, classes):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.5), size=rows)
    return probabilities, generator.integers(0, classes, size=rows)


def calibration(probabilities, targets):
    return classification_calibration(
        probabilities, targets, predicted=probabilities.argmax(axis=1)
    )


def error_row_by_row(probabilities, targets):
    bins = [[] for _ in range(15)]
    for row, target in zip(probabilities.tolist(), targets.tolist(), strict=True):
        confidence = max(row)
        bin_ = next(number for number in range(15) if confidence <= (number + 1) / 15)
        bins[bin_].append((confidence, row.index(confidence) == target))
    total = 0.0
    for members in filter(None, bins):
        confidence = sum(member[0] for member in members) / len(members)
        accuracy = sum(member[1] for member in members) / len(members)
        total += len(members) / len(targets) * abs(confidence - accuracy)
    return total


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 5))
def test_the_calibration_error_equals_counting_row_by_row(seed, rows, classes):
    probabilities, targets = answers(seed, rows=rows, classes=classes)
    ours = calibration(probabilities, targets).expected_calibration_error
    assert ours == pytest.approx(error_row_by_row(probabilities, targets), abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 5))
def test_the_brier_score_equals_scikit_learns(seed, rows, classes):
    probabilities, targets = answers(seed, rows=rows, classes=classes)
    theirs = brier_score_loss(
        targets,
        probabilities if classes > 2 else probabilities[:, 1],
        labels=list(range(classes)),
    )
    assert calibration(probabilities, targets).brier_score == pytest.approx(theirs, abs=1e-12)


def test_the_bins_hold_every_row_once_and_the_rows_are_in_their_bin():
    probabilities, targets = answers(0, rows=500, classes=3)
    bins = calibration(probabilities, targets).bins
    assert sum(bin_.rows for bin_ in bins) == 500
    assert all(bin_.low < bin_.confidence <= bin_.high for bin_ in bins)
    right = (probabilities.argmax(axis=1) == targets).sum()
    assert sum(bin_.rows * bin_.accuracy for bin_ in bins) == pytest.approx(right)


def test_certainty_that_is_always_right_is_perfect_and_always_wrong_the_worst():
    certain = np.eye(2)[[0, 1, 1]]
    right = calibration(certain, np.array([0, 1, 1]))
    wrong = calibration(certain, np.array([1, 0, 0]))
    assert (right.expected_calibration_error, right.brier_score) == (0, 0)
    assert (wrong.expected_calibration_error, wrong.brier_score) == (1, 1)


def test_the_confidence_is_that_of_the_class_that_was_predicted():
    halves = np.full((1, 2), 0.5)
    result = classification_calibration(halves, np.array([1]), predicted=np.array([1]))
    assert result.bins[0].accuracy == 1


@pytest.mark.parametrize(("confidence", "low", "high"), [(0.6, 8, 9), (0.8, 11, 12), (1.0, 14, 15)])
def test_a_confidence_on_the_edge_of_two_bins_belongs_to_the_lower_one(confidence, low, high):
    (bin_,) = calibration(np.array([[1 - confidence, confidence]]), np.array([1])).bins
    assert (bin_.low, bin_.high) == (low / 15, high / 15)
