"""Compact letters: two share one exactly when they do not differ, whatever differs."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.metrics.letters import shared_letters


@st.composite
def differing_pairs(draw):
    count = draw(st.integers(1, 9))
    pairs = [*combinations(range(count), 2)]
    return count, draw(st.sets(st.sampled_from(pairs))) if pairs else set()


@given(differing_pairs())
def test_two_share_a_letter_exactly_when_they_do_not_differ(case):
    count, differing = case
    letters = [{*found} for found in shared_letters(count, sorted(differing))]
    assert len(letters) == count
    assert all(letters)
    for a, b in combinations(range(count), 2):
        assert bool(letters[a] & letters[b]) == ((a, b) not in differing)


@given(differing_pairs())
def test_no_letter_could_be_left_out_for_another_that_says_as_much(case):
    count, differing = case
    letters = shared_letters(count, sorted(differing))
    groups = [
        {run for run in range(count) if letter in letters[run]}
        for letter in {letter for found in letters for letter in found}
    ]
    assert not [1 for a in groups for b in groups if a < b]


@pytest.mark.parametrize(
    ("count", "differing", "expected"),
    [
        (3, [], ["a", "a", "a"]),
        (3, [(0, 1), (0, 2), (1, 2)], ["a", "b", "c"]),
        (3, [(0, 2)], ["a", "ab", "b"]),
        (4, [(0, 3), (1, 3)], ["a", "a", "ab", "b"]),
    ],
)
def test_the_letters_begin_with_the_first(count, differing, expected):
    assert ["".join(found) for found in shared_letters(count, differing)] == expected


def test_after_z_comes_a2():
    found = shared_letters(28, [*combinations(range(28), 2)])
    assert [found[25], found[26], found[27]] == [("z",), ("a2",), ("b2",)]
