"""Classification metrics: equal to scikit-learn's, also where little or nothing was counted."""

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from loratory.metrics.classification import classification_metrics, confusion_matrix

TOLERANCE = 1e-12


def outcomes(classes):
    """Return rows of a target and a prediction, often all alike."""
    some = st.lists(st.integers(0, classes - 1), min_size=1, max_size=classes, unique=True)
    rows = some.flatmap(
        lambda classes: st.lists(
            st.tuples(st.sampled_from(classes), st.sampled_from(classes)), min_size=1, max_size=40
        )
    )
    return st.tuples(st.just(classes), rows)


def expected(targets, predictions, classes):
    average = "binary" if classes == 2 else "macro"
    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        targets, predictions, average=average, zero_division=0
    )
    return {
        "accuracy": sklearn_metrics.accuracy_score(targets, predictions),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "matthews_correlation": sklearn_metrics.matthews_corrcoef(targets, predictions),
    }


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=1000, deadline=None)
@given(st.integers(2, 6).flatmap(outcomes))
def test_every_metric_equals_scikit_learns(case):
    classes, rows = case
    targets, predictions = zip(*rows, strict=True)
    confusion = confusion_matrix(targets, predictions, classes=classes)
    ours = classification_metrics(confusion)
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        theirs = expected(targets, predictions, classes)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert float(ours[name]) == pytest.approx(value, rel=0, abs=TOLERANCE), name


def test_rows_are_counted_with_targets_down_and_predictions_across():
    assert confusion_matrix([0, 0, 1, 2], [0, 2, 1, 2], classes=3).tolist() == [
        [1, 0, 1],
        [0, 1, 0],
        [0, 0, 1],
    ]


def test_many_matrices_at_once_give_what_each_gives_alone():
    matrices = np.random.default_rng(0).integers(0, 9, size=(50, 3, 3))
    together = classification_metrics(matrices)
    for index, matrix in enumerate(matrices):
        for name, value in classification_metrics(matrix).items():
            assert together[name][index] == value


def test_always_the_same_answer_has_no_correlation_rather_than_no_number():
    scores = classification_metrics(confusion_matrix([0, 1, 1], [1, 1, 1], classes=2))
    assert scores["matthews_correlation"] == 0
    assert scores["recall"] == 1


def test_a_million_rows_do_not_overflow():
    million = np.array([[400_000_000, 100_000_000], [100_000_000, 400_000_000]])
    assert classification_metrics(million)["matthews_correlation"] == pytest.approx(0.6)
