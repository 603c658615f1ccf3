"""Texts without labels: from a file and from altered rows, and never those of the data itself."""

import pytest

from loratory.data.extra import altered_rows, extra_rows
from loratory.data.load import load_dataset
from loratory.data.rows import Dataset, Row
from loratory.errors import DataError
from loratory.recipe.schema import DataSection, DistillationSection


def rows(split, *texts):
    return tuple(Row(f"{split}/{n}", text, n % 2, split) for n, text in enumerate(texts))


DATA = Dataset(
    ("no", "yes"),
    {
        "train": rows("train", "the cat sat", "a dog ran"),
        "validation": rows("v", "It was held out"),
    },
    {},
)


def section(**settings):
    return DistillationSection(teacher="x", **settings)


def extra(data, more, **given):
    return extra_rows(data, more, DataSection(train="a.csv", **given))


def test_the_texts_of_a_file_come_in_order_with_their_places(tmp_path):
    path = tmp_path / "more.txt"
    path.write_text("one more\nand another\n")
    found, notes = extra(DATA, section(extra=str(path)))
    assert notes == ()
    assert [row.text for row in found] == ["one more", "and another"]
    assert [row.place for row in found] == ["more.txt:1", "more.txt:2"]


def test_texts_that_the_data_holds_are_left_out_whatever_their_case_and_counted(tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("sentence\nit was  held out\nA dog ran\nnew\n")
    found, notes = extra(DATA, section(extra=str(path)), text="sentence")
    assert [row.text for row in found] == ["new"]
    assert notes == ("extra texts left out that stand in the data set already: 2",)


def test_texts_of_held_out_rows_are_left_out_where_the_run_leaves_these_out(tmp_path):
    for split, text in (("train", "good,a\nbad,b"), ("test", "far,a\nnear,b")):
        (tmp_path / f"{split}.csv").write_text(f"text,label\n{text}\n")
    files = {split: str(tmp_path / f"{split}.csv") for split in ("train", "test")}
    data = load_dataset(DataSection(**files, splits=("train",)), "labelled")
    assert data.splits.keys() == {"train"}
    (tmp_path / "more.txt").write_text("far\nelse\n")
    more = section(extra=str(tmp_path / "more.txt"))
    assert [row.text for row in extra(data, more)[0]] == ["else"]


def test_altered_copies_are_of_training_rows_alone():
    found = altered_rows(DATA, section(perturbed=5), seed=0)
    assert found
    words = {word for row in found for word in row.text.split()}
    assert words <= {"the", "cat", "sat", "a", "dog", "ran"}


def test_without_either_there_are_none():
    assert extra(DATA, section()) == ((), ())
    assert altered_rows(DATA, section(), seed=0) == ()


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(DataError):
        extra(DATA, section(extra="gone.txt"))


def test_as_many_malformed_texts_as_the_budget_allows_are_left_out_and_counted(tmp_path):
    path = tmp_path / "more.jsonl"
    path.write_text('{"text": "a\\u0000"}\n{"text": "new"}\n{"text": " "}\n')
    more = section(extra=str(path))
    with pytest.raises(DataError, match=r"(?s)U\+0000.*1 more.*max_bad_rows=2"):
        extra(DATA, more, max_bad_rows=1)
    found, notes = extra(DATA, more, max_bad_rows=2)
    assert [row.text for row in found] == ["new"]
    assert notes == (
        "malformed extra texts left out: 2 (first: more.jsonl:1, control character U+0000 at "
        "character 2 of the text)",
    )
