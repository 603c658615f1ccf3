"""Lines of a file: where they end, and faults to the byte."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.lines import MOST_BYTES, read_lines, whole_text
from loratory.errors import DataError

INSIDE = st.text(st.characters(exclude_characters="\r\n\ufeff\0", exclude_categories=["Cs"]))


def texts(content):
    return [line.text for line in read_lines(content, "train.csv")]


@settings(deadline=None)
@given(st.lists(INSIDE, min_size=1), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_lines_are_what_was_joined(lines, end, mark):
    lines.append("the last line is not blank")
    content = (codecs.BOM_UTF8 if mark else b"") + end.join(lines).encode()
    assert texts(content) == lines
    assert texts(content + end.encode()) == lines


@settings(deadline=None)
@given(st.lists(INSIDE.filter(bool), min_size=1), st.data())
def test_line_ends_are_kept_beside_the_lines(lines, data):
    ends = [data.draw(st.sampled_from(["\n", "\r\n"])) for _ in lines[1:]]
    content = "".join(map("".join, zip(lines, [*ends, ""], strict=True)))
    found = list(read_lines(content.encode(), "train.csv"))
    assert "".join(line.text + line.end for line in found) == content
    assert [line.number for line in found] == list(range(1, len(lines) + 1))


def test_unicode_line_separators_do_not_end_a_line():
    assert texts("a\u2028b\u0085c\x0bd\n".encode()) == ["a\u2028b\u0085c\x0bd"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\r\n", codecs.BOM_UTF8])
def test_nothing_has_no_lines(content):
    assert not texts(content)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_as_a_whole(encoding):
    with pytest.raises(DataError, match="looks like UTF-16") as caught:
        texts("text,label\na film,positive\n".encode(encoding))
    assert (caught.value.code, caught.value.at) == ("DATA-ENC", "train.csv:1")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("abc é".encode("latin-1"), "byte 5 of the line is not UTF-8"),
        ("éé é".encode()[:-1], "byte 6 of the line is not UTF-8"),
        (b"abc\rdef", "byte 4 of the line is a CR without LF"),
        ("é\ufeff".encode(), "byte order mark at character 2 of the line"),
        (b"a" * (MOST_BYTES + 1), "the line has 1,048,577 bytes, the limit is 1,048,576"),
    ],
)
def test_a_fault_is_found_to_the_byte_and_the_other_lines_stay(line, said):
    before, faulty, after = read_lines(b"good\n" + line + b"\ngood\n", "train.csv")
    assert said in faulty.fault.problem
    assert faulty.fault.at == "train.csv:2"
    assert (before.text, before.fault, after.text, after.fault) == ("good", None, "good", None)


def test_latin_1_is_guessed_only_where_it_can_be():
    latin, windows = read_lines("é\n“".encode("cp1252"), "train.csv")
    assert "looks like Latin-1" in latin.fault.problem
    assert "looks like Latin-1" not in windows.fault.problem


def test_a_line_at_the_limit_is_read():
    (line,) = read_lines(b"a" * MOST_BYTES, "train.csv")
    assert (len(line.text), line.fault) == (MOST_BYTES, None)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.booleans())
def test_a_whole_text_is_what_was_written(text, mark):
    text = text.removeprefix("\ufeff")
    content = (codecs.BOM_UTF8 if mark else b"") + text.encode()
    assert whole_text(content, "a.json") == text


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"one\r\ntwo caf\xe9 x\nthree", 2, "byte 8 of the line is not UTF-8.*Latin-1"),
        ("one\né".encode()[:-1], 2, "byte 1 of the line is not UTF-8"),
        ("one".encode("utf-16"), 1, "looks like UTF-16"),
    ],
)
def test_the_first_line_that_is_not_utf_8_is_named(content, line, said):
    with pytest.raises(DataError, match=said) as caught:
        whole_text(content, "a.json")
    assert (caught.value.code, caught.value.at) == ("DATA-ENC", f"a.json:{line}")
