"""Encoded rows: segments are one text cut in pieces."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow, one_each, total_tokens

SEGMENTS = st.lists(st.lists(st.integers(0, 9), max_size=4).map(tuple), max_size=4).map(tuple)


@given(SEGMENTS)
def test_the_tokens_are_the_segments_in_reading_order(segments):
    row = EncodedRow(segments, (), ())
    assert row.tokens == tuple(chain.from_iterable(segments))
    assert len(row) == len(row.tokens)


@given(st.lists(SEGMENTS))
def test_the_tokens_of_many_rows_are_counted_together(every):
    rows = [EncodedRow(segments, (), ()) for segments in every]
    assert total_tokens(iter(rows)) == sum(len(row.tokens) for row in rows)


@given(st.lists(SEGMENTS))
def test_rows_asked_just_what_they_are_learned_from_are_asked_once_each(every):
    rows = [EncodedRow(segments, (), ()) for segments in every]
    encoding = one_each(rows, truncated=2, notes=("odd",))
    assert [*encoding.rows] == rows
    assert all(asked[0] is row for (*asked,), row in zip(encoding.asked, rows, strict=True))
    assert [*map(len, encoding.asked)] == [1] * len(rows)
    assert (encoding.truncated, encoding.notes, encoding.asked_loss) == (2, ("odd",), True)


def test_what_stands_beside_a_row_is_counted_and_laid_out_behind_it():
    other = EncodedRow(((1, 2, 4),), (2,), (6,))
    row = EncodedRow(((1, 2, 3),), (1, 2), (3, 5), beside=(other,), given=(-1.5, -2.5))
    batch = flatten([row, row])
    assert len(row) == 6
    assert batch.input_ids.tolist() == [1, 2, 3, 1, 2, 4] * 2
    assert batch.read_at.tolist() == [1, 2, 5, 7, 8, 11]
    assert batch.targets.tolist() == [3, 5, 6] * 2
    assert batch.counts == (2, 1, 2, 1)
    assert batch.given.tolist() == [-1.5, -2.5] * 2
