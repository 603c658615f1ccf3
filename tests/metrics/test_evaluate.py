"""The complete account of predictions: every number from the lines alone."""

import pytest

from loratory.errors import DataError
from loratory.metrics.evaluate import evaluate_classification
from loratory.metrics.predictions import Prediction

LABELS = ("negative", "positive")


def line(number, target, *, positive):
    return Prediction(
        id=f"test/{number}",
        text="",
        target=target,
        prediction="positive" if positive > 0.5 else "negative",
        scores={"positive": positive, "negative": 1 - positive},
    )


LINES = [
    line(0, "negative", positive=0.1),
    line(1, "negative", positive=0.8),
    line(2, "positive", positive=0.7),
    line(3, "positive", positive=0.9),
    line(4, "positive", positive=0.4),
]


def test_metrics_are_those_of_the_lines_with_the_last_label_as_the_positive_class():
    scores = evaluate_classification(LINES, LABELS)
    assert scores.confusion.tolist() == [[1, 1], [1, 2]]
    assert scores.metrics["accuracy"] == pytest.approx(3 / 5)
    assert scores.metrics["precision"] == pytest.approx(2 / 3)
    turned = evaluate_classification(LINES, LABELS[::-1])
    assert turned.metrics["precision"] == pytest.approx(1 / 2)


def test_every_metric_has_an_interval_around_it():
    scores = evaluate_classification(LINES, LABELS)
    assert scores.intervals.keys() == scores.metrics.keys()
    for name, (low, high) in scores.intervals.items():
        assert low <= scores.metrics[name] <= high


def test_probabilities_are_found_by_name_whatever_their_order():
    calibration = evaluate_classification(LINES, LABELS).calibration
    squares = [0.1**2, 0.8**2, 0.3**2, 0.1**2, 0.6**2]
    assert calibration.brier_score == pytest.approx(sum(squares) / 5)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("DATA-EMPTY", []),
        ("EVAL-MISSING", [line(0, None, positive=0.1)]),
        ("EVAL-MISSING", [Prediction("test/0", "", "positive", "positive", {"positive": 1.0})]),
        ("DATA-LABEL", [line(0, "positive ", positive=0.1)]),
    ],
)
def test_lines_that_cannot_be_scored_are_refused(code, lines):
    with pytest.raises(DataError) as caught:
        evaluate_classification(lines, LABELS)
    assert caught.value.code == code
    assert caught.value.at == (lines[0].id if lines else None)
