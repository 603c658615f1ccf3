"""What a person asks, as rows: of the kind the task reads, and refused by its number."""

import pytest

from loratory.data.rows import QuestionRow, Row, TextRow
from loratory.errors import DataError
from loratory.inference.asked import asked_rows

ASKED = {"question": "Who?", "context": "Ada wrote it."}


@pytest.mark.parametrize(("reads", "kind"), [("labelled", Row), ("texts", TextRow)])
def test_texts_are_rows_numbered_in_order(reads, kind):
    rows = asked_rows(["lovely", "dull"], reads)
    assert all(type(row) is kind for row in rows)
    assert [(row.id, row.text, row.place) for row in rows] == [
        ("0", "lovely", "text 1"),
        ("1", "dull", "text 2"),
    ]


def test_questions_have_contexts_and_no_answers():
    rows = asked_rows([ASKED, {**ASKED, "title": "more"}], "questions")
    assert [row.id for row in rows] == ["0", "1"]
    for row in rows:
        assert isinstance(row, QuestionRow)
        assert (row.question, row.context, row.answers) == ("Who?", "Ada wrote it.", ())


@pytest.mark.parametrize("item", ["Who?", {"question": "Who?"}, {"context": "Ada."}, 3, None])
def test_a_question_without_its_context_is_refused_by_its_number(item):
    with pytest.raises(DataError, match=r"DATA-COL.*needs its context, at question 2") as caught:
        asked_rows([ASKED, item], "questions")
    assert caught.value.exit_code == 3
    assert '"question"' in caught.value.fix


@pytest.mark.parametrize("key", ["question", "context"])
@pytest.mark.parametrize("value", ["", " ", "a\0b", None, 3])
def test_a_question_that_no_model_can_read_is_refused(key, value):
    with pytest.raises(DataError, match=r"DATA-TEXT.*at question 1"):
        asked_rows([{**ASKED, key: value}], "questions")


@pytest.mark.parametrize("reads", ["labelled", "texts"])
@pytest.mark.parametrize("item", ["", ASKED, None])
def test_a_text_that_no_model_can_read_is_refused(reads, item):
    with pytest.raises(DataError, match=r"DATA-TEXT.*at text 1"):
        asked_rows([item], reads)


def test_nothing_asked_is_no_row():
    assert asked_rows([], "questions") == []
