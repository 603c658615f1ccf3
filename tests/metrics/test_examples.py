"""The table of training rows: written and read back, whatever the texts hold."""

import csv

import pytest

from loratory.errors import RunError
from loratory.metrics.dynamics import RowCourse
from loratory.metrics.examples import Example, read_examples, write_examples

COURSE = RowCourse("train/3", 2, 0.25, 0.125, correctness=0.5, loss=1.5, region="hard")
ONCE = RowCourse("train/4", 1, 0.25, None, correctness=0.0, loss=1.5, region=None)


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "examples.csv"
    examples = [Example('a, "b" <c> فيلم', "yes, no", COURSE), Example("d", "", ONCE)]
    write_examples(path, examples)
    assert read_examples(path) == examples


def test_a_text_is_one_line_and_its_beginning(tmp_path):
    path = tmp_path / "examples.csv"
    write_examples(path, [Example("a\nb\r\n" + "c" * 900, "yes", COURSE)])
    with path.open(newline="") as table:
        (row,) = csv.DictReader(table)
    assert row["text"] == "a b " + "c" * 196 + "…"
    assert len(path.read_text().splitlines()) == 2
    assert (row["confidence"], row["region"], row["epochs"]) == ("0.25", "hard", "2")


@pytest.mark.parametrize("line", ["train/1,a,b", "train/1,a,b,two,0.1,0.1,0.1,0.1,easy"])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "examples.csv"
    write_examples(path, [])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(RunError, match=r"RUN-EXAMPLES.*examples\.csv:2"):
        read_examples(path)
