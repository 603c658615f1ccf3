"""Which column holds what: guessed where there is no doubt, and asked for where there is."""

import csv
import json

import pytest

from loratory.data.columns import text_and_label
from loratory.errors import DataError


@pytest.fixture(params=["csv", "tsv", "jsonl"])
def reviews(request, tmp_path):
    path = tmp_path / f"reviews.{request.param}"
    rows = [(f"film {number}", ("many", "few")[number % 2]) for number in range(20)]
    if request.param == "jsonl":
        lines = [json.dumps({"review": text, "stars": stars}) for text, stars in rows]
    else:
        separator = {"csv": ",", "tsv": "\t"}[request.param]
        lines = [separator.join(row) for row in [("review", "stars"), *rows]]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_two_columns_are_told_apart_by_what_repeats_itself(reviews):
    assert text_and_label(reviews, None, None) == ("review", "stars")
    assert text_and_label(reviews, None, "stars") == ("review", "stars")
    assert text_and_label(reviews, "any", "thing") == ("any", "thing")


@pytest.mark.parametrize(
    "lines",
    [
        ["a,b,c", "1,2,3"],
        ["a", "1"],
        ["a,b", *(f"{n},{n + 1}" for n in range(9))],
        ["a,b", *["x,y"] * 9],
        [],
    ],
)
def test_columns_that_cannot_be_told_apart_must_be_named(tmp_path, lines):
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match="--text COLUMN --label COLUMN"):
        text_and_label(path, None, None)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "text,label\nhello, world,1\n", r"the line has 3 fields, at a\.csv:2"),
        ("a.jsonl", "[" * 100_000 + "\n", "a first line that names no columns"),
        ("a.csv", "x" * 200_000 + "\nx\n", "a first line that names no columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_not_guessed_at(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    csv.field_size_limit(131_072)  # as in a process that has read no table yet
    with pytest.raises(DataError, match=said):
        text_and_label(tmp_path / name, None, None)
