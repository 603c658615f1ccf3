"""Altered copies of texts: new, of the texts' own words, and the same whenever they are made."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.data.perturbed import perturbed

TEXTS = ["the cat sat on the mat", "a dog ran", "no"]
words = st.lists(st.sampled_from(["a", "cat", "the", "ran"]), min_size=1, max_size=6)


def test_every_copy_is_new_and_there_is_none_twice():
    found = perturbed(TEXTS, copies=20, seed=0)
    assert len(found) > 20
    assert not {*found} & {*TEXTS}
    assert max(Counter(found).values()) == 1


def test_they_are_a_function_of_texts_copies_and_seed():
    assert perturbed(TEXTS, copies=3, seed=1) == perturbed(TEXTS, copies=3, seed=1)
    assert perturbed(TEXTS, copies=3, seed=1) != perturbed(TEXTS, copies=3, seed=2)
    assert perturbed(TEXTS, copies=0, seed=1) == []
    fewer = perturbed(TEXTS, copies=2, seed=1)
    assert perturbed(TEXTS, copies=3, seed=1)[: len(fewer)] == fewer


def edits(one, other):
    """Return the least words to insert, leave out or replace; a swap counts as two."""
    row = list(range(len(other) + 1))
    for i, word in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, theirs in enumerate(other, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != theirs))
    return row[-1]


@given(st.lists(words.map(" ".join), min_size=1, max_size=4), st.integers(0, 99))
def test_a_copy_has_at_most_three_changes_and_no_foreign_word(texts, seed):
    known = {word for text in texts for word in text.split()}
    for copy in perturbed(texts, copies=2, seed=seed):
        own = copy.split()
        assert own
        assert {*own} <= known
        assert min(edits(text.split(), own) for text in texts) <= 6


@pytest.mark.parametrize(
    "change",
    ["a b c", "b a c d", "a b c d a", "a b c x"],
    ids=["left out", "swapped", "twice", "other"],
)
def test_each_change_occurs(change):
    assert change in perturbed(["a b c d", "x"], copies=400, seed=0)
