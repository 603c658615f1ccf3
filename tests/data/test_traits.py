"""What is asked of each kind of row."""

import pytest

from loratory.data.rows import Answer, PairRow, ProblemRow, QuestionRow, Row, TextRow
from loratory.data.traits import (
    belongs_to,
    context_of,
    main_text,
    moved,
    said_of,
    same_as,
    stratum,
)

ROW = Row("train/3", "A  Film", 1, "a.csv:5")
TEXT = TextRow("train/3", "A  Film", "a.txt:5")
ASKED = QuestionRow("id-3", "Who  Sleeps?", "Two  Foxes.", (Answer("Two", 0),), "a.json", "Foxes")
LABELS = ("negative", "positive")


def question(**changes):
    fields = {name: getattr(ASKED, name) for name in QuestionRow.__slots__}
    return QuestionRow(**fields | changes)


@pytest.mark.parametrize(
    ("row", "text", "same", "said", "together", "of"),
    [
        (ROW, "A  Film", "a film", "positive", ("a film",), 1),
        (TEXT, "A  Film", "a film", "", ("a film",), 0),
        (
            ASKED,
            "Two  Foxes.",
            "who sleeps?\ntwo foxes.",
            "answerable",
            ("Foxes", "two foxes."),
            0,
        ),
    ],
)
def test_every_kind_answers(row, text, same, said, together, of):
    assert main_text(row) == text
    assert same_as(row) == same
    assert said_of(row, LABELS) == said
    assert belongs_to(row) == together
    assert stratum(row) == of


def test_a_question_without_answers_is_unanswerable_and_drawn_like_others():
    assert said_of(question(answers=()), LABELS) == "unanswerable"
    assert stratum(question(answers=())) == 0


def test_questions_are_the_same_when_question_and_context_are():
    assert same_as(question(id="other", answers=(), article="")) == same_as(ASKED)
    assert same_as(question(question="who sleeps?", context="TWO FOXES.")) == same_as(ASKED)
    assert same_as(question(question="Who sings?")) != same_as(ASKED)
    assert same_as(question(context="Three foxes.")) != same_as(ASKED)


def test_contexts_are_the_same_whatever_their_spacing():
    assert context_of(question(context="two foxes.")) == context_of(ASKED)


def test_numbered_rows_keep_their_number_and_questions_their_id():
    assert moved(ROW, split="test") == Row("test/3", "A  Film", 1, "a.csv:5")
    assert moved(TEXT, split="test").id == "test/3"
    assert moved(question(id="train/3"), split="test").id == "train/3"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("4", "4.0", True), ("-40", "-40.00", True), ("0.50", "00.5", True), ("4", "40", False)],
)
def test_problems_say_the_same_where_their_answers_are_the_same_number(one, other, same):
    said = [said_of(ProblemRow("train/0", "?", answer, "", "a"), ()) for answer in (one, other)]
    assert (said[0] == said[1]) == same


def test_an_answer_nobody_knows_is_nothing_and_a_long_one_stays_exact():
    answers = ["", "1" * 400 + "." + "1" * 400]
    assert [said_of(ProblemRow("0", "?", answer, "", "a"), ()) for answer in answers] == answers


def test_pairs_say_the_same_whatever_the_spacing():
    said = {said_of(PairRow("0", "so", text, " dull", "a"), ()) for text in (" It is", "it  is ")}
    assert said == {"it is"}
