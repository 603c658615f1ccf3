"""Texts without labels: a column of any file of rows, or the lines of a text file."""

import pytest

from loratory.data.unlabelled import read_texts
from loratory.errors import DataError


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_column_of_a_file_of_rows_is_read(write, ending):
    path = write(f"new.{ending}", [("one", 1), ("two", 2)], columns=("review", "id"))
    first_line = 2 if ending in ("csv", "tsv") else 1
    assert [(found.text, found.place) for found in read_texts(path, "review")] == [
        ("one", f"new.{ending}:{first_line}"),
        ("two", f"new.{ending}:{first_line + 1}"),
    ]


def test_the_lines_of_a_text_file_are_texts(write):
    path = write("new.txt", b'"one", she said\r\ntwo\tthree\n')
    assert [(found.text, found.place) for found in read_texts(path, "unused")] == [
        ('"one", she said', "new.txt:1"),
        ("two\tthree", "new.txt:2"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("new.txt", b"one\n\ntwo\n", "DATA-TEXT"),
        ("new.txt", b"one\ntw\xff\n", "DATA-ENC"),
        ("new.jsonl", b'{"text": "one"}\n{"text": null}\n', "DATA-TEXT"),
        ("new.jsonl", b'{"text": "one"}\n{"text": \n', "DATA-JSON"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_where_it_stands(write, name, content, code):
    with pytest.raises(DataError) as caught:
        read_texts(write(name, content), "text")
    assert (caught.value.code, caught.value.at) == (code, f"{name}:2")
