"""The digest of a data set, and its splits."""

import pytest

from loratory.data.rows import Answer, Dataset, QuestionRow, Row, Source, TextRow
from loratory.errors import DataError

SOURCE = Source("train.csv", "0" * 64, rows=2, skipped=0)


def dataset(*rows):
    made = tuple(Row(f"train/{n}", text, label, f"f:{n}") for n, (text, label) in enumerate(rows))
    return Dataset(("a", "b"), {"train": made}, {"train": SOURCE})


def test_the_digest_knows_every_text_label_and_their_order():
    same = dataset(("one", 0), ("two", 1)).digest
    assert same == dataset(("one", 0), ("two", 1)).digest
    others = [
        dataset(("one", 1), ("two", 1)),
        dataset(("two", 1), ("one", 0)),
        dataset(("one", 0)),
        dataset(("one", 0), ("two ", 1)),
        dataset(('one", 0]\n["two', 1)),
    ]
    assert len({d.digest["train"] for d in others} | {same["train"]}) == 6


def test_rows_of_a_split_that_does_not_exist_are_refused_with_those_that_do():
    data = dataset(("one", 0), ("two", 1))
    assert len(data.rows("train")) == 2
    with pytest.raises(DataError, match="no test split; there are: train") as caught:
        data.rows("test")
    assert caught.value.code == "DATA-SPLIT"


def test_the_digest_knows_everything_in_a_question_but_its_name():
    def digest(**changes):
        fields = {"question": "Who?", "context": "Two foxes.", "answers": (Answer("Two", 0),)}
        row = QuestionRow(**{"id": "q", "place": "a.json", **fields, **changes})
        return Dataset((), {"train": (row,)}, {"train": SOURCE}).digest["train"]

    assert digest() == digest(id="r", place="b.json")
    others = [
        digest(question="What?"),
        digest(context="Two foxes"),
        digest(answers=()),
        digest(answers=(Answer("Two", 0),) * 2),
        digest(answers=(Answer("foxes", 4),)),
    ]
    assert len({digest(), *others}) == 6


def test_the_digest_knows_every_plain_text():
    def digest(*texts):
        rows = tuple(TextRow(f"train/{n}", text, f"f:{n}") for n, text in enumerate(texts))
        return Dataset((), {"train": rows}, {"train": SOURCE}).digest["train"]

    assert len({digest("one", "two"), digest("two", "one"), digest("one"), digest("one ")}) == 4


def test_questions_share_their_paragraph_whatever_they_ask():
    def paragraph(id_, question, context):
        return QuestionRow(id_, question, context, (), "a.json").paragraph

    assert paragraph("q", "Who?", "Two foxes.") == paragraph("r", "What?", "Two foxes.")
    assert paragraph("q", "Who?", "Two foxes.") != paragraph("q", "Who?", "Two foxes")
