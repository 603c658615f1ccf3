"""Problems with numbers for answers, from files and from the named set."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.data.load import load_dataset, load_file
from loratory.data.problems import plain_number
from loratory.errors import DataError
from loratory.metrics.numbers import number_in
from loratory.recipe.schema import DataSection


@pytest.fixture
def file_of(tmp_path):
    """Return a function that writes rows as a .jsonl file."""

    def file_of(*rows):
        path = tmp_path / "problems.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return str(path)

    return file_of


def rows_of(file):
    return load_dataset(DataSection(train=file), "problems").rows("train")


def test_rows_hold_the_problem_the_number_and_the_steps_on_one_line(file_of):
    one, other = rows_of(
        file_of(
            {"problem": "What is 2 + 2?", "answer": "4", "solution": "2 + 2 = 4.\n So 4."},
            {"problem": "A half?", "answer": 0.5, "solution": None},
        )
    )
    assert (one.problem, one.answer, one.solution) == ("What is 2 + 2?", "4", "2 + 2 = 4. So 4.")
    assert (other.answer, other.solution, other.id) == ("0.5", "", "train/1")


def test_a_file_without_solutions_is_read(file_of):
    (row,) = rows_of(file_of({"problem": "What is 2 + 2?", "answer": 4}))
    assert (row.answer, row.solution) == ("4", "")


@pytest.mark.parametrize(
    ("stored", "answer"), [(1e-05, "0.00001"), (1e16, "10000000000000000"), (" -2.50 ", "-2.50")]
)
def test_an_answer_is_a_number_that_the_scorer_reads_as_written(file_of, stored, answer):
    (row,) = rows_of(file_of({"problem": "How many?", "answer": stored}))
    assert row.answer == answer
    assert number_in(f"Answer: {answer}") == Fraction(answer)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_can_be_written_plainly(number):
    assert float(plain_number(number)) == number


NO_NUMBERS = ["four", "", "1,000", "4 dollars", "nan", None, True, "1e3", "1E-05", "1_000"]


@pytest.mark.parametrize("answer", [*NO_NUMBERS, "1e999999999", "9" * 5000])
def test_an_answer_that_is_no_number_is_refused(file_of, answer):
    with pytest.raises(DataError) as caught:
        rows_of(file_of({"problem": "How many?", "answer": answer}))
    assert (caught.value.code, caught.value.at) == ("DATA-LABEL", "problems.jsonl:1")


def test_the_named_set_needs_no_file():
    dataset = load_dataset(DataSection(name="word_problems"), "problems")
    assert {split: len(rows) for split, rows in dataset.splits.items()} == {
        "train": 4000,
        "validation": 500,
        "test": 1000,
    }
    assert not dataset.warnings
    assert all(row.solution for row in dataset.rows("train"))


def test_a_folder_holds_the_named_sets_files_instead(file_of, tmp_path):
    file = Path(file_of({"problem": "What is 2 + 2?", "answer": "4"}))
    (tmp_path / "word_problems").mkdir()
    file.rename(tmp_path / "word_problems" / "test.jsonl")
    section = DataSection(name="word_problems", dir=str(tmp_path))
    assert {*load_dataset(section, "problems").splits} == {"test"}
    with pytest.raises(DataError) as caught:
        load_dataset(DataSection(name="word_problems", dir=str(tmp_path / "other")), "problems")
    assert caught.value.code == "DATA-FILE"


def test_one_more_file_is_a_split_of_its_own(file_of):
    file = file_of({"problem": "What is 2 + 2?", "answer": "4"})
    dataset = load_file(file, DataSection(name="word_problems"), "problems", None)
    assert [row.id for row in dataset.rows("file")] == ["file/0"]
