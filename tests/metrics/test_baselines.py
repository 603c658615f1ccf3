"""Baselines: deterministic, better than nothing where there are words, and never a crash."""

import pytest

from loratory.metrics.baselines import classification_baselines

LABELS = ("negative", "positive")
TRAIN = [("a dull film", 0), ("dull and long", 0), ("a bright film", 1), ("bright, short", 1)]


def metrics(train, evaluate, labels=LABELS):
    tfidf, majority = classification_baselines(train, evaluate, labels)
    return majority.metrics, tfidf.metrics


def test_words_of_the_training_rows_are_learned():
    majority, tfidf = metrics(TRAIN, [("so dull", 0), ("so bright", 1)])
    assert majority["accuracy"] == 0.5
    assert tfidf["accuracy"] == 1


def test_the_majority_is_counted_in_the_training_rows_and_not_in_those_scored():
    majority, _ = metrics([*TRAIN, ("bright", 1)], [("dull", 0), ("dull", 0), ("bright", 1)])
    assert majority["accuracy"] == pytest.approx(1 / 3)
    assert majority["matthews_correlation"] == 0


def test_the_same_rows_give_the_same_baselines():
    first = classification_baselines(TRAIN, [("so dull", 0), ("so bright", 1)], LABELS)
    assert first == classification_baselines(TRAIN, [("so dull", 0), ("so bright", 1)], LABELS)


@pytest.mark.parametrize("train", [[("!!", 1), ("…", 0), ("?", 1)], [("fine", 1), ("good", 1)]])
def test_with_nothing_to_learn_from_both_say_the_majority_class(train):
    majority, tfidf = metrics(train, [("dull", 0), ("", 1), ("?", 1)])
    assert majority == tfidf
    assert majority["accuracy"] == pytest.approx(2 / 3)


def test_a_class_that_is_missing_from_training_is_no_obstacle():
    _, tfidf = metrics(TRAIN, [("dull", 0), ("so-so", 2)], ("negative", "positive", "neutral"))
    assert tfidf["accuracy"] == 0.5


def test_every_baseline_has_a_name_and_an_interval_per_metric():
    for baseline in classification_baselines(TRAIN, [("so dull", 0), ("bright", 1)], LABELS):
        assert baseline.name
        assert baseline.intervals.keys() == baseline.metrics.keys()
