"""Rows go through JSON and come back as they were."""

import json

import pytest

from loratory.data.kept_rows import row_of_values, row_values
from loratory.data.rows import Answer, ProblemRow, QuestionRow, Row, TextRow

ROWS = {
    "labelled": Row("train/3", "so — it is", 1, "a.csv:4"),
    "texts": TextRow("train/0", "line\nline", "a.txt:1"),
    "problems": ProblemRow("train/1", "2 + 2?", "4", "2 + 2 = 4.", "a.jsonl:2"),
    "questions": QuestionRow("q", "who?", "he did", (Answer("he", 0),), "a.json", "title"),
}


@pytest.mark.parametrize("reads", ROWS)
def test_a_row_comes_back_as_it_was(reads):
    values = json.loads(json.dumps(row_values(ROWS[reads])))
    assert row_of_values(values, reads) == ROWS[reads]


def test_pairs_are_not_kept():
    with pytest.raises(TypeError):
        row_of_values({}, "pairs")
