"""Trees of texts: every text is found again, and nothing that could be shared is laid out twice."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.batching.tree import LEAST_SHARED, common_length, grow_tree

TEXTS = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=40).map(tuple), min_size=1, max_size=12
)


def forest(seed, *, rows=30):
    """Return texts that share long beginnings on several levels, some twice, some as a part."""
    rng = random.Random(seed)

    def run(length):
        return tuple(rng.randrange(500) for _ in range(length))

    texts = [run(rng.randint(1, 30))]
    while len(texts) < rows:
        other = rng.choice(texts)
        cut = rng.choice([0, len(other), rng.randint(0, len(other))])
        texts.append(other[:cut] + run(rng.randint(0 if cut else 1, 20)))
    rng.shuffle(texts)
    return texts


def ancestors(tree, at):
    """Return every place in the flat sequence that `at` may see, by the pieces alone."""
    seen = []
    for piece in tree.pieces:
        if piece.start <= at < piece.end:
            seen += range(piece.start, at + 1)
        elif piece.end <= at < piece.reach:
            seen += range(piece.start, piece.end)
    return sorted(seen)


def check(texts):
    tree = grow_tree(texts)
    for number, text in enumerate(texts):
        way = [tree.at(number, place) for place in range(len(text))]
        assert tuple(tree.tokens[at] for at in way) == text
        assert [tree.places[at] for at in way] == list(range(len(text)))
        for place in (0, len(text) // 2, len(text) - 1):
            assert ancestors(tree, way[place]) == way[: place + 1]
    covered = [at for piece in tree.pieces for at in range(piece.start, piece.end)]
    assert covered == list(range(len(tree.tokens)))
    assert all(piece.start < piece.end <= piece.reach for piece in tree.pieces)
    return tree


@given(TEXTS)
def test_a_token_sees_its_own_text_up_to_itself_and_nothing_else(texts):
    check(texts)


@pytest.mark.parametrize("seed", range(40))
def test_long_common_beginnings_on_several_levels(seed):
    texts = forest(seed)
    tree = check(texts)
    # A set of all beginnings is the smallest tree; what is missed are short common beginnings.
    least = len({text[:end] for text in texts for end in range(1, len(text) + 1)})
    assert least <= len(tree.tokens) <= least + LEAST_SHARED * len(texts)


def test_what_is_shared_stands_there_once():
    instruction, paragraph = tuple(range(50)), tuple(range(100, 160))
    texts = [(*instruction, *paragraph, 7, n) for n in range(4)] + [(*instruction, 9)]
    tree = check(texts)
    # The 7 after the paragraph, too.
    assert len(tree.tokens) == 50 + 60 + 1 + 4 + 1
    assert tree.pieces[0] == (0, 50, len(tree.tokens))


def test_texts_with_nothing_in_common_stand_one_after_the_other():
    tree = check([(3, 1), (1, 2, 3), (2,)])
    assert tree.pieces == ((0, 3, 3), (3, 4, 4), (4, 6, 6))


def test_the_same_text_twice_stands_there_once():
    text = tuple(range(20))
    assert len(check([text, text, text]).tokens) == 20


def test_many_nested_texts_are_no_recursion():
    assert len(check([tuple([1] * n) for n in range(1, 1500)][::7]).tokens) < 3000


@given(st.lists(st.integers(0, 1), max_size=30), st.lists(st.integers(0, 1), max_size=30))
def test_the_common_length_is_counted_right(one, other):
    expected = 0
    while expected < min(len(one), len(other)) and one[expected] == other[expected]:
        expected += 1
    assert common_length(tuple(one), tuple(other)) == expected
