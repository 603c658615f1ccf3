"""What both ways of answering questions share."""

from loratory.data.rows import Answer, QuestionRow
from loratory.tasks.questions import as_questions, right_texts

ROWS = [
    QuestionRow("1", "Who?", "Ann and Bo", (Answer("Ann", 0), Answer("Bo", 8)), "x"),
    QuestionRow("2", "Why?", "Ann", (), "x"),
]


def test_every_answer_counts_and_there_may_be_none():
    assert [right_texts(row) for row in ROWS] == [("Ann", "Bo"), ()]


def test_a_question_goes_with_its_context_and_answers():
    assert as_questions(ROWS) == [("Who?", "Ann and Bo", ("Ann", "Bo")), ("Why?", "Ann", ())]
