"""What is refused and what is only said, from the audit of small data sets."""

import pytest

from loratory.data.audit import audit
from loratory.data.checks import (
    refuse_conflicts,
    refuse_leaks,
    refuse_one_class,
    refuse_unanswerable,
    warnings,
)
from loratory.data.rows import Answer, Dataset, QuestionRow, Row, Source, TextRow
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


def questions(**splits):
    """Return a data set of questions: each its text, its context, and whether it has an answer."""
    made = {
        split: tuple(
            QuestionRow(f"q{n}", asked, context, (Answer(context, 0),) * has, f"{split}.json {n}")
            for n, (asked, context, has) in enumerate(rows)
        )
        for split, rows in splits.items()
    }
    return Dataset((), made, {split: Source(split, "", len(made[split]), 0) for split in made})


ASKED = [("Who?", "Foxes.", True), ("What?", "Oaks.", False)]


def test_questions_without_an_answer_are_refused_with_their_number_and_the_first_place():
    rows = questions(test=[*ASKED, ("Where?", "Here.", False)]).rows("test")
    error = refused(refuse_unanswerable, rows)
    assert (error.code, error.at) == ("DATA-VERSION", "test.json 1")
    assert error.problem.startswith("2 of 3 questions have no answer")
    assert "task.unanswerable=true" in error.fix
    assert "squad_v2" in error.fix
    refuse_unanswerable(rows[:1])


def test_rows_without_classes_need_not_have_two():
    refuse_one_class(questions(train=ASKED[:1]))
    text = TextRow("train/0", "one", "a.txt:1")
    refuse_one_class(Dataset((), {"train": (text,)}, {}))


def test_leaking_and_contradicting_questions_are_refused_with_both_places():
    found = audit(questions(train=ASKED, test=[("new", "New.", True), ("what?", "oaks.", True)]))
    error = refused(refuse_leaks, found, published=False)
    assert (error.code, error.at) == ("DATA-LEAK", "test.json 1")
    assert "1 of 2 test rows are also in the training rows" in error.problem
    error = refused(refuse_conflicts, found, ())
    assert (error.code, error.at, error.got) == ("DATA-CONFLICT", "test.json 1", "answerable")
    assert "answerable here and unanswerable there: 1" in error.problem
    assert "train.json 1 ('unanswerable')" in error.problem


def test_what_is_not_refused_of_questions_is_said():
    train = [*ASKED, ("Who?", "FOXES.", True)]
    test = [("Which?", "Foxes.", True), ("Whose?", "foxes.", True), ("What?", "Oaks.", True)]
    assert warnings(audit(questions(train=train, test=test))) == [
        "1 of 3 train rows repeat an earlier row's question about the same context",
        "questions answerable here and unanswerable there: 1 (first: test.json 2 and train.json 1)",
        "1 of 3 test rows are also in the training rows (first: test.json 2 and train.json 1)",
        "2 of 2 test contexts have training questions too",
    ]


@pytest.mark.parametrize(("trained", "other"), [(True, "unanswerable"), (False, "answerable")])
def test_a_kind_of_question_that_is_scored_and_never_trained_is_said(trained, other):
    train = [("Who?", "Foxes.", trained)]
    scored = [("Which?", "Oaks.", True), ("Whose?", "Elms.", False)]
    assert warnings(audit(questions(train=train, validation=scored))) == [
        f"no training question is {other}, and 1 others are"
    ]
    assert warnings(audit(questions(train=train))) == []
    assert warnings(audit(questions(validation=scored))) == []
