"""Places of tokens: one for all texts that begin alike, found again however they are laid out."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.batching.flat import flatten
from loratory.batching.places import Places, ways
from loratory.batching.rows import EncodedRow
from loratory.batching.tree import LEAST_SHARED, Piece

# Of few tokens, and often a beginning of the one before, so that much is shared.
TOKENS = st.lists(st.integers(0, 1), min_size=1, max_size=12).map(tuple)
TEXTS = st.lists(st.tuples(TOKENS, TOKENS).map(lambda t: t[0] + t[1]), min_size=1, max_size=12)


def row(text):
    """Return a row that reads the network at every token."""
    return EncodedRow((text,), tuple(range(len(text))), text)


def beginnings(places):
    """Return of each place the tokens up to it, in every text that has it."""
    found = {}
    for text, taken in places.of_text.items():
        for at, place in enumerate(taken.tolist()):
            found.setdefault(place, set()).add(text[: at + 1])
    return found


@given(texts=TEXTS)
def test_texts_that_share_a_place_begin_alike_up_to_it(texts):
    places = Places.of(texts)
    assert set(places.of_text) == set(texts)
    found = beginnings(places)
    assert found.keys() == set(range(places.count))
    assert max(map(len, found.values())) == 1


@given(texts=TEXTS)
def test_long_beginnings_have_one_place_in_all_texts(texts):
    places = Places.of(texts)
    for one, other in combinations(set(texts), 2):
        common = 0
        while common < min(len(one), len(other)) and one[common] == other[common]:
            common += 1
        if common >= LEAST_SHARED:
            first, second = (places.of_text[text][:common].tolist() for text in (one, other))
            assert first == second


@given(texts=TEXTS, more=TEXTS, shared=st.booleans())
def test_every_token_of_a_batch_has_a_place_of_its_beginning(texts, more, shared):
    places = Places.of([*texts, *more])
    batch = flatten([row(text) for text in texts], shared=shared)
    found = places.of_batch(batch)[batch.read_at].tolist()
    known = beginnings(places)
    expected = [text[: at + 1] for text in texts for at in range(len(text))]
    assert [known[place] for place in found] == [{beginning} for beginning in expected]


@given(texts=TEXTS, shared=st.booleans())
def test_texts_that_no_other_begins_with_fill_every_place(texts, shared):
    places = Places.of(texts)
    batch = flatten([row(text) for text in places.ends()], shared=shared)
    assert set(places.of_batch(batch).tolist()) == set(range(places.count))


@pytest.mark.parametrize("text", [(1, 2), (1, 2, 3, 4), (9,)])
def test_a_batch_with_a_text_that_has_no_places_has_none(text):
    batch = flatten([row((1, 2, 3)), row(text)])
    assert Places.of([(1, 2, 3)]).of_batch(batch) is None


def test_a_text_goes_from_a_first_piece_to_one_that_no_other_goes_on_from():
    # 0-3 with 3-5, which 5-6 and 6-8 go on from, and 8-9; then a text of its own.
    a, b, c, d, e, f = (
        Piece(0, 3, 9),
        Piece(3, 5, 8),
        Piece(5, 6, 6),
        Piece(6, 8, 8),
        Piece(8, 9, 9),
        Piece(9, 12, 12),
    )
    assert list(ways([a, b, c, d, e, f])) == [(a, b, c), (a, b, d), (a, e), (f,)]
