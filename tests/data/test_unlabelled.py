"""Texts and questions to predict: which they are, where they stand, which cannot be read."""

import json

import pytest

from loratory.data.rows import QuestionRow
from loratory.data.unlabelled import read_questions, read_texts
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


ASKED = [("Who sleeps?", "Two foxes."), ("Who barks?", "Two foxes.")]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_questions_are_rows_named_by_their_id_or_their_place(write, name):
    first = 2 if name in ("a.csv", "a.tsv") else 1
    places = [f"{name}:{first}", f"{name}:{first + 1}"]
    bare = read_questions(write(name, ASKED, ("question", "context")))
    assert bare == [QuestionRow(p, *asked, (), p) for p, asked in zip(places, ASKED, strict=True)]
    named = [(row_id, *asked) for row_id, asked in zip(["x", "y"], ASKED, strict=True)]
    found = read_questions(write(name, named, ("id", "question", "context")))
    assert [(row.id, row.place) for row in found] == list(zip(["x", "y"], places, strict=True))


def test_an_id_may_be_a_whole_number_or_be_left_out_of_a_line(write):
    lines = [{"id": 7}, {}, {"id": None}]
    objects = [
        json.dumps(dict(zip(["question", "context"], ASKED[0], strict=True)) | line)
        for line in lines
    ]
    path = write("a.jsonl", "\n".join(objects).encode())
    assert [row.id for row in read_questions(path)] == ["7", "a.jsonl:2", "a.jsonl:3"]


def test_the_answers_of_a_file_in_squad_s_format_are_not_looked_at(write, squad, question):
    asked = [
        question("q", "Two foxes.", "foxes"),
        {"id": "r", "question": "Who?"},
        question("s", "Two foxes.", answers=3, is_impossible=3),
    ]
    path = write("a.json", squad({"Foxes": [("Two foxes.", asked)]}))
    rows = read_questions(path)
    assert [(row.id, row.answers, row.article) for row in rows] == [
        (row_id, (), "Foxes") for row_id in "qrs"
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"question\nWho?\n", "DATA-COL.*'context' is missing"),
        ("a.csv", b"question,context\nWho?,\n", "DATA-TEXT.*empty context.*a.csv:2"),
        ("a.csv", b"question,context\n,Foxes.\n", "DATA-TEXT.*empty question.*a.csv:2"),
        ("a.csv", b"question,context,id\nWho?,Foxes.,\n", "DATA-ID.*has no id.*a.csv:2"),
        ("a.csv", b"id,question,context\n1,a,b\n1,c,b\n", "DATA-ID.*twice.*a.csv:2, at a.csv:3"),
        ("a.jsonl", b'{"question": "a", "context": "b", "id": 1.5}\n', "DATA-ID.*got 1.5"),
        ("a.jsonl", b'{"question": "a", "context": "b", "id": true}\n', "DATA-ID.*boolean true"),
        ("a.jsonl", b'{"question": "a"}\n', "DATA-COL.*a.jsonl:1"),
        ("a.jsonl", b'{"question"\n', "DATA-JSON.*a.jsonl:1"),
        ("a.json", b'{"data": {}}', "DATA-JSON.*'data' is not a list"),
        ("a.json", b"", "DATA-EMPTY"),
        ("a.csv", b"question,context\n", "DATA-EMPTY"),
        ("a.txt", b"Who?", r"DATA-FILE.*expected \.json, \.csv, \.tsv, \.jsonl or \.parquet"),
    ],
)
def test_a_question_that_cannot_be_read_is_refused_by_its_place(write, name, content, words):
    with pytest.raises(DataError, match=words):
        read_questions(write(name, content))


def test_a_question_of_squad_s_format_without_an_id_is_refused(write, squad):
    path = write("a.json", squad({"": [("Two foxes.", [{"question": "Who?"}])]}))
    with pytest.raises(
        DataError, match=r"DATA-ID.*a\.json, article 1, paragraph 1, question no\. 1"
    ):
        read_questions(path)
