"""Texts without labels: which they are, where they stand, and which cannot be read."""

import json

import pytest

from loratory.data.unlabelled import read_texts
from loratory.errors import DataError


def read(path, column="text"):
    return [(placed.text, placed.place) for placed in read_texts(path, column)]


def test_the_lines_of_a_txt_file_are_texts(tmp_path):
    path = tmp_path / "a.TXT"
    path.write_bytes('\ufeffone, two\r\nü \u2028 x\n"three"\n\n'.encode())
    expected = [("one, two", "a.TXT:1"), ("ü \u2028 x", "a.TXT:2"), ('"three"', "a.TXT:3")]
    assert read(path) == expected


def test_a_column_of_a_file_of_rows_is_texts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('n,review\n1,"one\ntwo"\n2,three\n')
    assert read(path, "review") == [("one\ntwo", "a.csv:2"), ("three", "a.csv:4")]


def test_other_columns_may_hold_anything(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "one", "label": None}) + "\n")
    assert read(path) == [("one", "a.jsonl:1")]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl"])
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_texts_is_an_error(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match="DATA-EMPTY") as caught:
        read(tmp_path / name)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"one\n  \nthree", "DATA-TEXT.*a.txt:2"),
        ("a.txt", b"one\ntw\xe9\n", "DATA-ENC.*a.txt:2"),
        ("a.txt", b"one\ntw\x00o\n", r"DATA-TEXT.*U\+0000.*a.txt:2"),
        ("a.txt", b"one\rtwo", "DATA-ENC.*a.txt:1"),
        ("a.csv", b'text\none\n""\n', "DATA-TEXT.*a.csv:3"),
        ("a.csv", b"text,b\none\n", "DATA-COL.*a.csv:2"),
        ("a.csv", b"txt\none\n", "DATA-COL.*a.csv:1"),
        ("a.jsonl", b'{"text": "one"}\n{"text": 3}\n', "DATA-TEXT.*a.jsonl:2"),
        ("a.jsonl", b'{"text": "one"}\n{"text"\n', "DATA-JSON.*a.jsonl:2"),
        ("a.doc", b"one", "DATA-FILE.*not known"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_by_its_place(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read(tmp_path / name)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="DATA-FILE"):
        read(tmp_path / "a.txt")
