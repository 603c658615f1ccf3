"""Holdout and limits: which rows they take, and that nothing else decides it."""

from collections import Counter
from hashlib import sha256

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from loratory.data.rows import Answer, QuestionRow, Row
from loratory.data.splits import limited, with_holdout
from loratory.data.texts import normalised
from loratory.errors import DataError
from loratory.recipe.schema import Holdout, Limits


def rows(labels, texts=None, split="train"):
    texts = texts or [f"text {n}" for n in range(len(labels))]
    return tuple(
        Row(f"{split}/{n}", text, label, f"{split}.csv:{n + 2}")
        for n, (text, label) in enumerate(zip(texts, labels, strict=True))
    )


def numbers(split):
    return [int(row.id.split("/")[1]) for row in split]


def classes(split):
    return Counter(row.label for row in split)


LABELS = st.lists(st.integers(0, 3), min_size=8, max_size=80).filter(lambda ls: len(set(ls)) > 1)


@settings(deadline=None)
@given(LABELS, st.integers(1, 90))
def test_a_limit_takes_a_stratified_sample_in_the_source_s_order(labels, most):
    train = rows(labels)
    taken = limited({"train": train}, Limits(train=most))["train"]
    assert len(taken) == min(most, len(train))
    assert [row for row in train if row in taken] == list(taken)
    whole, part = classes(train), classes(taken)
    if most >= len(whole):
        assert part.keys() == whole.keys()
    for label, size in whole.items():
        fair = len(taken) * size / len(train)
        assert abs(part[label] - fair) < max(2, len(whole))


@settings(deadline=None)
@given(LABELS, st.floats(0.05, 0.6), st.randoms(use_true_random=False))
def test_held_out_rows_are_taken_from_the_training_rows_text_by_text(labels, share, random):
    texts = [
        random.choice([f"text {n}", f"Text  {n // 3}", "once more"]) for n in range(len(labels))
    ]
    train = rows(labels, texts)
    try:
        held = with_holdout({"train": train}, Holdout(validation=share / 2, test=share / 3))
    except DataError:
        reject()  # too few different texts
    assert list(held) == ["train", "validation", "test"]
    assert sorted(n for split in held.values() for n in numbers(split)) == list(range(len(train)))
    for name, split in held.items():
        assert numbers(split) == sorted(numbers(split))
        assert all(row.id.startswith(f"{name}/") for row in split)
        assert all(
            (row.text, row.label, row.place) == (o.text, o.label, o.place)
            for row in split
            for o in [train[int(row.id.split("/")[1])]]
        )
    seen = [{normalised(row.text) for row in split} for split in held.values()]
    assert not seen[0] & (seen[1] | seen[2])
    assert not seen[1] & seen[2]
    assert classes(held["train"]).keys() == classes(train).keys()


@settings(deadline=None)
@given(LABELS, st.data())
def test_of_distinct_texts_as_many_are_held_out_as_asked(labels, data):
    train = rows(labels)
    most = len(labels) - len(set(labels))
    wanted = data.draw(st.integers(1, most))
    held = with_holdout({"train": train}, Holdout(validation=wanted))
    assert len(held["validation"]) == wanted
    for label, size in classes(train).items():
        fair = wanted * (size - 1) / most
        assert abs(classes(held["validation"])[label] - fair) < max(2, len(set(labels)))


def test_a_share_is_of_all_training_rows():
    held = with_holdout({"train": rows([0, 1] * 50)}, Holdout(validation=0.1, test=0.2))
    assert {split: len(found) for split, found in held.items()} == {
        "train": 70,
        "validation": 10,
        "test": 20,
    }


def test_the_smallest_share_is_a_row():
    held = with_holdout({"train": rows([0, 1] * 5)}, Holdout(test=0.001))
    assert len(held["test"]) == 1


def test_the_validation_rows_do_not_depend_on_the_test_rows():
    train = rows([0, 1] * 50)
    alone = with_holdout({"train": train}, Holdout(validation=20))
    both = with_holdout({"train": train}, Holdout(validation=20, test=30))
    assert alone["validation"] == both["validation"]


def test_rows_are_drawn_in_the_order_of_a_digest_and_of_nothing_else():
    train = rows([0, 1] * 20)

    def first(purpose, number):
        ranked = sorted(train, key=lambda r: sha256(f"{purpose} {r.id}".encode()).hexdigest())
        per_class = [[r for r in ranked if r.label == label][:number] for label in (0, 1)]
        return sorted(int(r.id.split("/")[1]) for drawn in per_class for r in drawn)

    held = with_holdout({"train": train}, Holdout(validation=8))
    assert numbers(held["validation"]) == first("validation", 4)
    assert numbers(limited({"train": train}, Limits(train=10))["train"]) == first("limit", 5)


def test_a_split_that_the_data_has_is_left_alone():
    splits = {"train": rows([0, 1] * 5), "validation": rows([0, 1], split="validation")}
    assert with_holdout(splits, Holdout(validation=3)) == splits


def test_nothing_asked_changes_nothing():
    splits = {"train": rows([0, 1] * 5)}
    assert limited(with_holdout(splits, Holdout()), Limits()) == splits


@pytest.mark.parametrize("wanted", [5, 6, 100])
def test_more_rows_than_can_be_spared_are_refused(wanted):
    with pytest.raises(DataError, match=f"to hold {wanted} out, .* got a set of 6") as caught:
        with_holdout({"train": rows([0, 1] * 3)}, Holdout(test=wanted))
    assert (caught.value.code, caught.value.at) == ("DATA-SPLIT", "data.holdout.test")


def test_one_text_over_and_over_cannot_be_held_out():
    train = rows([0, 1] * 10, texts=["once more"] * 20)
    with pytest.raises(DataError, match="too few different training texts"):
        with_holdout({"train": train}, Holdout(validation=5))


def test_there_is_nothing_to_hold_out_of_without_training_rows():
    with pytest.raises(DataError, match="no train split; there are: test") as caught:
        with_holdout({"test": rows([0, 1], split="test")}, Holdout(validation=1))
    assert caught.value.code == "DATA-SPLIT"


def test_a_limit_on_a_split_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match="no test split; there are: train") as caught:
        limited({"train": rows([0, 1])}, Limits(test=5))
    assert (caught.value.code, caught.value.at) == ("DATA-SPLIT", "data.limit.test")


def questions(numbers, articles):
    """Return a question for each number of its context; contexts are in articles in turn."""
    return tuple(
        QuestionRow(
            f"q{n}",
            f"Question {n}?",
            f"Context {number}",
            (Answer("Context", 0),) * (n % 2),
            f"train.json {n}",
            articles[number % len(articles)],
        )
        for n, number in enumerate(numbers)
    )


NUMBERS = st.lists(st.integers(0, 9), min_size=8, max_size=80)


@given(NUMBERS, st.sampled_from([[""], ["one"], ["one", "two", "three"]]), st.integers(1, 40))
def test_questions_of_an_article_stay_together_or_where_there_is_one_those_of_a_context(
    numbers, articles, wanted
):
    train = questions(numbers, articles)
    try:
        held = with_holdout({"train": train}, Holdout(validation=wanted))
    except DataError:
        reject()  # too few that belong together

    def together(row):
        return row.article if len({row.article for row in train}) > 1 else row.context

    assert sorted(held["train"] + held["validation"], key=lambda row: row.id) == sorted(
        train, key=lambda row: row.id
    )
    assert not {*map(together, held["train"])} & {*map(together, held["validation"])}
    assert 0 < len(held["validation"]) <= wanted
    for split in held.values():
        assert list(split) == [row for row in train if row in split]


def test_the_smallest_article_says_how_many_questions_can_be_held_out():
    train = questions([0] * 30 + [1] * 20, ["one", "two"])
    with pytest.raises(DataError, match="to hold 5 out") as caught:
        with_holdout({"train": train}, Holdout(validation=5))
    assert caught.value.fix.startswith("hold out 20 rows or more")
    assert len(with_holdout({"train": train}, Holdout(validation=20))["validation"]) == 20


def test_a_limit_draws_questions_by_their_ids_whatever_their_answers():
    train = questions(range(200), ["one", "two"])
    taken = limited({"train": train}, Limits(train=50))["train"]
    ranked = sorted(train, key=lambda row: sha256(f"limit {row.id}".encode()).digest())
    assert {row.id for row in taken} == {row.id for row in ranked[:50]}
    assert list(taken) == [row for row in train if row in taken]
