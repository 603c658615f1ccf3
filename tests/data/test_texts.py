"""Texts that are kept, texts that are refused, and texts that count as the same."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.lines import MOST_BYTES
from loratory.data.texts import checked_text, normalised
from loratory.errors import DataError


def refused(value):
    with pytest.raises(DataError) as caught:
        checked_text(value, "train.csv:2")
    assert (caught.value.code, caught.value.at) == ("DATA-TEXT", "train.csv:2")
    return caught.value


def is_text(text):
    """Say what a text is, character by character, by its Unicode categories."""
    kinds = [unicodedata.category(character) for character in text]
    allowed = all(
        kind not in ("Cc", "Cs") or character in "\t\n\r"
        for character, kind in zip(text, kinds, strict=True)
    )
    return allowed and not set("\u202d\u202e") & set(text) and any(k[0] in "LNPS" for k in kinds)


@settings(deadline=None)
@given(st.text(st.characters(), min_size=1))
def test_texts_with_something_to_read_and_nothing_to_hide_are_kept(text):
    if is_text(text):
        assert checked_text(text, "train.csv:2") == text
    elif not any(
        unicodedata.category(character) in ("Mn", "Mc", "Me", "Co", "Cn") for character in text
    ):
        refused(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ab\0", "control character U+0000 at character 3"),
        ("a\x85b", "U+0085 (Windows-1252 read as Latin-1?) at character 2"),
        ("\ud83d", "unpaired surrogate U+D83D at character 1"),
        ("a\u202eb", "bidirectional override U+202E at character 2"),
        ("", "empty text"),
        ("\u200b \ufeff\u00ad\u3164", "spaces or zero-width characters alone"),
        ("a" * (MOST_BYTES + 1), "the text has 1,048,577 characters"),
        (None, "the text is missing"),
        (b"bytes", "the text is not text"),
        (1.5, "the text is not text"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(text, said):
    assert said in refused(text).problem


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("A  Fine\tFilm ", "a fine film"),
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("cafe\u0301", "CAFÉ"),
        ("one\u00a0two", "one two"),
        ("\uff11\uff12", "12"),
    ],
)
def test_the_same_letters_count_as_the_same_text(a, b):
    assert normalised(a) == normalised(b)


@pytest.mark.parametrize(
    ("a", "b"), [("film", "films"), ("cafe", "café"), ("a b", "ab"), ("a.", "a")]
)
def test_other_letters_or_signs_make_another_text(a, b):
    assert normalised(a) != normalised(b)


def test_a_text_at_the_limit_is_kept():
    assert len(checked_text("a" * MOST_BYTES, "train.csv:2")) == MOST_BYTES


@settings(deadline=None)
@given(st.text())
def test_normalising_twice_changes_nothing_more(text):
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize("value", [None, 3, "", " ", "a\0", "a" * (MOST_BYTES + 1)])
def test_a_text_is_called_what_it_is_in_its_row(value):
    with pytest.raises(DataError, match="question") as caught:
        checked_text(value, "f:1", what="question")
    assert "the text" not in caught.value.problem
    assert "data.text" not in caught.value.fix


def test_a_text_may_be_as_long_as_the_caller_lets_it():
    assert checked_text("a" * (MOST_BYTES + 1), "f:1", most=None)
    with pytest.raises(DataError, match="3 characters, the limit is 2"):
        checked_text("aaa", "f:1", most=2)
