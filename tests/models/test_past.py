"""What texts have read: over it a new token attends as it would in the text read whole."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from loratory.models.attention import Scores, flat_attention, one_by_one
from loratory.models.past import Past

LAYERS = 2
WIDTH, HEADS, SHARED = 4, 4, 2


def drawn(lengths, seed):
    """Return, for each layer and each text, query, key and value in float64."""
    generator = torch.Generator().manual_seed(seed)

    def part(heads, length):
        shape = (1, heads, length, WIDTH)
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return [
        [tuple(part(heads, length) for heads in (HEADS, SHARED, SHARED)) for length in lengths]
        for _ in range(LAYERS)
    ]


def joined(texts, at):
    """Return the tokens `at` (one slice for each text) as one flat sequence."""
    parts = [[part[:, :, place] for part in text] for text, place in zip(texts, at, strict=True)]
    return [torch.cat(part, dim=2) for part in zip(*parts, strict=True)]


def bounds_of(lengths):
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    return tuple(zip([0, *ends[:-1]], ends, strict=True))


def mixed(layers, at, scores):
    """Call each layer's attention as a model would."""
    found = []
    for texts in layers:
        one, _ = flat_attention(
            nn.Identity(),
            *joined(texts, at),
            None,
            scaling=scores.scaling,
            sliding_window=scores.window,
        )
        found.append(one.transpose(1, 2))
    return found


def whole(texts, ends, scores):
    """Return what the last token of each text, cut at its end, mixes: read as a whole."""
    parts = [
        one_by_one(*joined([t], [slice(e)]), scores, (e,)) for t, e in zip(texts, ends, strict=True)
    ]
    return torch.cat([part[:, :, -1:] for part in parts], dim=2)


def close(found, layers, ends, scores):
    for one, texts in zip(found, layers, strict=True):
        torch.testing.assert_close(one, whole(texts, ends, scores), rtol=1e-12, atol=1e-12)


def begin(past, layers, starts, scores):
    with past.reading(bounds_of(starts)):
        return mixed(layers, [slice(start) for start in starts], scores)


def grow(past, layers, ends, scores):
    with past.growing():
        found = mixed(layers, [slice(end, end + 1) for end in ends], scores)
    close(found, layers, [end + 1 for end in ends], scores)


@settings(max_examples=40, deadline=None)
@given(
    starts=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    steps=st.integers(1, 6),
    window=st.none() | st.integers(1, 8),
    scaling=st.none() | st.just(0.3),
)
def test_every_step_is_what_the_whole_text_gives(starts, steps, window, scaling):
    scores = Scores(scaling=scaling, window=window)
    layers = drawn([start + steps for start in starts], seed=sum(starts))
    past = Past("cpu")
    begun = begin(past, layers, starts, scores)
    for one, texts in zip(begun, layers, strict=True):
        whole_texts = joined(texts, [slice(start) for start in starts])
        assert torch.equal(one, one_by_one(*whole_texts, scores, tuple(starts)))
    for step in range(steps):
        grow(past, layers, [start + step for start in starts], scores)
    assert past.lengths == [start + steps for start in starts]


@pytest.mark.parametrize("room", [{}, {"texts": 2, "tokens": 200}], ids=["none", "plenty"])
def test_room_is_made_as_texts_grow_over_a_block(room):
    starts, scores = [60, 3, 125], Scores()
    layers = drawn([start + 8 for start in starts], seed=1)
    past = Past("cpu", **room)
    begin(past, layers, starts, scores)
    for step in range(8):
        grow(past, layers, [start + step for start in starts], scores)


def test_texts_that_come_later_join_those_that_are_there():
    starts, scores = [5, 2, 80], Scores()
    layers = drawn([start + 2 for start in starts], seed=2)
    past = Past("cpu")
    for number, start in enumerate(starts):
        begin(past, [[texts[number]] for texts in layers], [start], scores)
    grow(past, layers, starts, scores)


@settings(max_examples=40, deadline=None)
@given(
    starts=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    rounds=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=7), max_size=3),
)
def test_texts_can_be_left_out_moved_and_doubled(starts, rounds):
    scores = Scores()
    layers = drawn([start + len(rounds) for start in starts], seed=3)
    past = Past("cpu")
    begin(past, layers, starts, scores)
    chosen = list(range(len(starts)))
    for step, picks in enumerate(rounds):
        rows = [pick % len(chosen) for pick in picks]
        past.select(rows)
        chosen = [chosen[row] for row in rows]
        now = [[texts[text] for text in chosen] for texts in layers]
        grow(past, now, [starts[text] + step for text in chosen], scores)


def test_what_is_hidden_may_not_be_a_number_and_still_is_not_felt():
    layers, scores = drawn([4, 9], seed=4), Scores()
    past = Past("cpu")
    begin(past, layers, [3, 8], scores)
    past.select([1, 0])
    past.select([1])
    for layer in range(LAYERS):
        for buffer in past.buffers(layer):
            assert buffer.isfinite().all()
    grow(past, [texts[:1] for texts in layers], [3], scores)


def test_a_call_that_fails_leaves_the_lengths_as_they_were():
    past, layers = Past("cpu"), drawn([3], seed=5)
    begin(past, layers, [2], Scores())
    with pytest.raises(RuntimeError, match="broke"), past.growing():
        raise RuntimeError("it broke")
    assert past.lengths == [2]
