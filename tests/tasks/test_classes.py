"""The most probable class, and what costs next to nothing."""

import pytest

from loratory.data.rows import Row
from loratory.tasks.classes import class_baselines, class_prediction

LABELS = ("negative", "neither", "positive")


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.2, 0.3, 0.5), "positive"),
        ((0.4, 0.4, 0.2), "negative"),
        ((0.2, 0.4, 0.4), "neither"),
    ],
)
def test_the_most_probable_class_is_predicted_and_of_equals_the_first(scores, expected):
    line = class_prediction(Row("train/0", "text", 1, "train.csv:2"), LABELS, scores)
    assert (line.target, line.prediction) == ("neither", expected)
    assert line.scores == dict(zip(LABELS, scores, strict=True))
    assert (line.id, line.text) == ("train/0", "text")


def test_the_majority_of_the_training_rows_is_a_baseline():
    texts = ["dull film", "lovely film", "moving film", "thin plot"]
    train = [Row(str(n), text, n % 3, "x") for n, text in enumerate(texts)]  # 0 twice
    rows = [Row(str(n), "so", label, "x") for n, label in enumerate((0, 0, 0, 2))]
    scores = [baseline.metrics["accuracy"] for baseline in class_baselines(train, rows, LABELS)]
    assert 0.75 in scores
