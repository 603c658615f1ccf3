"""What is refused and what is only said, from the audit of small data sets."""

import pytest

from loratory.data.audit import audit
from loratory.data.checks import refuse_conflicts, refuse_leaks, refuse_one_class, warnings
from loratory.data.rows import Dataset, Row, Source
from loratory.errors import DataError

LABELS = ("negative", "positive")
CLEAN = [("a film", 1), ("a dull film", 0)]


def dataset(labels=LABELS, **splits):
    made = {
        split: tuple(
            Row(f"{split}/{n}", text, label, f"{split}.csv:{n + 2}")
            for n, (text, label) in enumerate(rows)
        )
        for split, rows in splits.items()
    }
    return Dataset(labels, made, {split: Source(split, "", len(made[split]), 0) for split in made})


def refused(check, *args, **options):
    with pytest.raises(DataError) as caught:
        check(*args, **options)
    return caught.value


def test_training_rows_of_one_class_are_refused():
    error = refused(refuse_one_class, dataset(train=[("a", 1), ("b", 1)], test=CLEAN))
    assert (error.code, error.at) == ("DATA-CLASS", "train.csv:2")
    assert "all 2 training rows have the label 'positive'" in error.problem


@pytest.mark.parametrize(
    "splits", [{"train": CLEAN}, {"test": [("a", 1)]}, {"train": CLEAN, "test": [("a", 1)]}]
)
def test_only_training_rows_need_two_classes(splits):
    refuse_one_class(dataset(**splits))


def test_conflicting_labels_are_refused_with_both_places():
    found = audit(dataset(train=[*CLEAN, ("A Film", 0)]))
    error = refused(refuse_conflicts, found, LABELS)
    assert (error.code, error.at, error.got) == ("DATA-CONFLICT", "train.csv:4", "negative")
    assert "train.csv:2 ('positive')" in error.problem


def test_scored_rows_among_the_training_rows_are_refused_with_both_places():
    found = audit(dataset(train=CLEAN, test=[("new", 1), ("A dull  film", 0), ("a film", 1)]))
    error = refused(refuse_leaks, found, published=False)
    assert (error.code, error.at) == ("DATA-LEAK", "test.csv:3")
    assert (
        "2 of 3 test rows are also in the training rows; the first of them is train.csv:3"
        in error.problem
    )


@pytest.mark.parametrize(("leaks", "passes"), [(0, True), (2, True), (3, False), (50, False)])
def test_a_published_set_may_repeat_two_rows_in_a_hundred(leaks, passes):
    train = [(f"text {n}", n % 2) for n in range(100)]
    test = [(f"text {n}" if n < leaks else f"new {n}", n % 2) for n in range(100)]
    found = audit(dataset(train=train, test=test))
    if passes:
        refuse_leaks(found, published=True)
    else:
        assert refused(refuse_leaks, found, published=True).code == "DATA-LEAK"


def test_clean_rows_pass_without_a_word():
    found = audit(dataset(train=CLEAN, validation=[("new", 1)]))
    refuse_conflicts(found, LABELS)
    refuse_leaks(found, published=False)
    assert warnings(found) == []


def test_what_is_not_refused_is_said():
    found = audit(
        dataset(
            (*LABELS, "mixed"),
            train=[*CLEAN, ("a film", 1)],
            validation=[("A dull film", 1), ("new", 0)],
        )
    )
    assert warnings(found) == [
        "1 of 3 train rows repeat an earlier row's text",
        "rows that carry another label than an earlier row of the same text: 1 "
        "(first: validation.csv:2 and train.csv:3)",
        "1 of 2 validation rows are also in the training rows "
        "(first: validation.csv:2 and train.csv:3)",
        "class 'mixed' has no training row",
    ]
