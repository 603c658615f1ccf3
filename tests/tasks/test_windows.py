"""Windows: all of the context, each character's place, and none after everything."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.rows import QuestionRow
from loratory.errors import DataError
from loratory.tasks.windows import END, START, Windows, bare

NONE = 1
WORD = st.sampled_from(["lovely", "film", "naïve", "日本語", "🙂", "👩‍👩‍👧", "e\u0301", "'s", "12"])
SPACE = st.sampled_from([" ", "  ", "\n", "\u00a0", "\t", ", ", "", "\u200b", "\u2003"])
# All that a text may hold but characters nobody has assigned: SmolLM2 knows not all of their bytes,
# and its tokenizer then miscounts the characters of the word they are in.
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)
CONTEXT = (
    st.lists(st.tuples(WORD | ANY, SPACE), min_size=1, max_size=9)
    .map(lambda parts: "".join(word + space for word, space in parts))
    .filter(str.strip)
)


def windows_of(tokenizer, context, *, room=4096, stride=4, none=NONE, question="Who?"):
    """Return the windows of one context, with room for so many of its tokens in each."""
    head = (0, *tokenizer(f"{question}\n")["input_ids"])
    longest = len(head) + room + (none is not None)
    cut = Windows(tokenizer, (0,), longest, stride, none)
    (windows,) = cut.of([QuestionRow("1", question, context, (), "x.json 1")])
    assert all(window.tokens[: window.first] == head for window in windows)
    return windows


@settings(max_examples=300)
@given(context=CONTEXT, data=st.data())
def test_every_span_maps_to_the_fewest_tokens_that_hold_it(tokenizer, context, data):
    (window,) = windows_of(tokenizer, context)
    solid = [at for at, character in enumerate(context) if not character.isspace()]
    start = data.draw(st.sampled_from(solid))
    end = 1 + data.draw(st.sampled_from([at for at in solid if at >= start]))
    first, last = window.answer(start, end)
    assert window.spans[first][0] <= start < window.spans[first][1]
    assert window.spans[last][0] < end <= window.spans[last][1]
    assert context[start:end] in context[window.spans[first][0] : window.spans[last][1]]


@settings(max_examples=300)
@given(context=CONTEXT, data=st.data())
def test_what_tokens_say_maps_back_to_what_they_said(tokenizer, context, data):
    (window,) = windows_of(tokenizer, context)
    spans = [at for at, (start, end) in enumerate(window.spans) if start < end]
    first = data.draw(st.sampled_from(spans))
    last = data.draw(st.sampled_from([at for at in spans if at >= first]))
    start, end = window.spans[first][0], window.spans[last][1]
    text = context[start:end]
    assert text == text.strip()
    found = window.answer(start, end)
    assert (window.spans[found[0]][0], window.spans[found[1]][1]) == (start, end)


@settings(max_examples=200)
@given(context=CONTEXT)
def test_a_tokens_characters_are_those_it_is_of(tokenizer, context):
    (window,) = windows_of(tokenizer, context)
    tokens = window.tokens[window.first : -1]
    assert len(tokens) == len(window.spans)
    for token, (start, end) in zip(tokens, window.spans, strict=True):
        said = tokenizer.decode([token]).strip()
        if "\ufffd" not in said:
            assert context[start:end] == said


@settings(max_examples=200)
@given(context=CONTEXT, stride=st.integers(1, 9), more=st.integers(1, 9))
def test_windows_cover_all_of_the_context_and_overlap_by_the_stride(
    tokenizer, context, stride, more
):
    room = stride + more
    windows = windows_of(tokenizer, context, room=room, stride=stride)
    parts = [window.tokens[window.first : -1] for window in windows]
    whole = [*parts[0]]
    for before, part in pairwise(parts):
        assert len(before) == room
        assert before[-stride:] == part[:stride]
        assert len(part) > stride, "the last window reads nothing new"
        whole += part[stride:]
    assert whole == tokenizer(context)["input_ids"]
    assert all(len(part) <= room for part in parts)
    (one,) = windows_of(tokenizer, context)
    spans = [span for window in windows[:1] for span in window.spans]
    spans += [span for window in windows[1:] for span in window.spans[stride:]]
    assert tuple(spans) == one.spans


def test_a_context_that_fits_is_one_window(small_tokenizer):
    tokens = len(small_tokenizer("a lovely film")["input_ids"])
    assert len(windows_of(small_tokenizer, "a lovely film", room=tokens)) == 1
    assert len(windows_of(small_tokenizer, "a lovely film", room=tokens - 1)) == 2


def test_none_stands_after_everything_and_is_the_last_position(small_tokenizer):
    for window in windows_of(small_tokenizer, "a lovely film " * 9, room=20):
        assert window.tokens[-1] == NONE
        assert window.positions == tuple(range(window.first, len(window.tokens)))
        assert window.none_at == len(window.positions) - 1
    for window in windows_of(small_tokenizer, "a lovely film " * 9, room=20, none=None):
        assert window.none_at is None
        assert window.positions == tuple(range(window.first, len(window.tokens)))
        assert len(window.positions) == len(window.spans)


def test_an_answer_that_is_cut_by_the_windows_edge_is_not_held(small_tokenizer):
    context = "one two three four five six seven"
    windows = windows_of(small_tokenizer, context, room=12, stride=4)
    assert len(windows) > 1
    for word in context.split():
        start = context.index(word)
        for window in windows:
            found = window.answer(start, start + len(word))
            held = {at for left, right in window.spans for at in range(left, right)}
            assert (found is not None) == (held >= {*range(start, start + len(word))})


def test_targets_are_bits_of_start_and_end(small_tokenizer):
    (window,) = windows_of(small_tokenizer, "a film")
    size = len(window.positions)
    assert window.targets((1, 2))[:4] == (0, START, END, 0)
    assert window.targets((1, 1)) == (0, START | END, *(0,) * (size - 2))
    assert window.targets(None) == (*(0,) * (size - 1), START | END)
    (without,) = windows_of(small_tokenizer, "a film", none=None)
    assert without.targets(None) == (0,) * (size - 1)


def test_a_question_that_leaves_no_new_room_for_its_context_is_refused(small_tokenizer):
    assert windows_of(small_tokenizer, "a film", room=5, stride=4)
    with pytest.raises(DataError) as caught:
        windows_of(small_tokenizer, "a film", room=4, stride=4)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("DATA-TRUNC", 3, "x.json 1")
    head = 1 + len(small_tokenizer("Who?\n")["input_ids"])
    assert (error.got, error.expected) == (f"{head} tokens of question", f"at most {head - 1}")


def test_a_reserved_token_in_a_context_is_plain_text(small_tokenizer):
    context = "so <|endoftext|> so"
    (window,) = windows_of(small_tokenizer, context)
    assert 0 not in window.tokens[1:]
    assert small_tokenizer.decode(window.tokens[window.first : -1]) == context


def test_no_rows_have_no_windows(small_tokenizer):
    assert Windows(small_tokenizer, (), 20, 4, None).of([]) == []


@pytest.mark.parametrize(("edges", "expected"), [((0, 7), (2, 5)), ((2, 5), (2, 5))])
def test_spaces_at_the_edges_are_left_out(edges, expected):
    assert bare("  abc\n\u00a0", *edges) == expected
