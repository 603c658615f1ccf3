"""Rows kept aside: whole contexts, out of the training rows, and always the same."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.data.aside import KEPT_ASIDE, with_kept_aside
from loratory.data.rows import Answer, Dataset, QuestionRow, Source, TextRow
from loratory.errors import DataError

SOURCE = Source("train.json", "0" * 64, rows=9, skipped=0)


def dataset(contexts, articles=("one", "two")):
    """Return a data set with a question for each of the numbers of its context."""
    rows = tuple(
        QuestionRow(
            f"q{n}",
            f"Question {n}?",
            f"Context {number}",
            (Answer("Context", 0),) * (n % 2),
            f"train.json {n}",
            articles[number % len(articles)],
        )
        for n, number in enumerate(contexts)
    )
    return Dataset((), {"train": rows, "validation": rows[:1]}, {"train": SOURCE})


def split(data, name):
    return {row.id: row for row in data.rows(name)}


@given(st.lists(st.integers(0, 12), min_size=6, max_size=60), st.integers(1, 20))
def test_whole_contexts_are_moved_out_of_the_training_rows(contexts, wanted):
    data = dataset(contexts)
    smallest = min(map(contexts.count, contexts))
    if smallest > wanted or wanted >= len(contexts):
        with pytest.raises(DataError, match="DATA-SPLIT") as caught:
            with_kept_aside(data, wanted)
        assert caught.value.at == "task.threshold_rows"
        return
    found = with_kept_aside(data, wanted)
    train, aside = split(found, "train"), split(found, "threshold")
    assert train | aside == split(data, "train")
    assert not train.keys() & aside.keys()
    assert not {row.context for row in train.values()} & {row.context for row in aside.values()}
    assert 0 < len(aside) <= wanted
    assert found.rows("validation") == data.rows("validation")
    assert found == with_kept_aside(data, wanted)


def test_single_contexts_are_moved_even_where_there_are_several_articles():
    aside = split(with_kept_aside(dataset([n // 5 for n in range(400)]), 100), KEPT_ASIDE)
    assert len(aside) == 100
    assert {row.article for row in aside.values()} == {"one", "two"}


def test_the_split_says_where_it_came_from_and_has_a_digest():
    found = with_kept_aside(dataset(range(30)), 10)
    assert found.sources[KEPT_ASIDE] == Source("held out of train.json", "0" * 64, 10, skipped=0)
    assert found.sources["train"] == SOURCE
    assert found.digest[KEPT_ASIDE] != found.digest["train"]


def test_contexts_are_drawn_in_the_order_of_a_digest_and_of_nothing_else():
    found = split(with_kept_aside(dataset(range(200)), 50), KEPT_ASIDE)
    ids = [f"q{n}" for n in range(200)]
    assert found.keys() == {
        *sorted(ids, key=lambda i: sha256(f"threshold {i}".encode()).digest())[:50]
    }


def test_there_must_be_training_rows():
    data = Dataset((), {"test": (TextRow("test/0", "one", "a.txt:1"),)}, {})
    with pytest.raises(DataError, match="no train split"):
        with_kept_aside(data, 1)
