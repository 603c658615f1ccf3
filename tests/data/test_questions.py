"""What makes a question a row: the catalogue of malformed ones, each refused where it stands."""

import json
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.data.lines import MOST_BYTES
from loratory.data.questions import QuestionRows
from loratory.data.records import Record
from loratory.data.rows import Answer
from loratory.errors import DataError

# Characters of one to four bytes stand before the answers.
CONTEXT = "Über 🦊: under the old oak two foxes sleep, and the oak is tall."
ANSWER = {"text": "two foxes", "answer_start": CONTEXT.index("two foxes")}
GOOD = {"id": "q", "question": "Who sleeps?", "answers": [ANSWER]}
PLACE = "train.json, article 1, paragraph 1, question"


def changed(**changes):
    return json.dumps(GOOD | {"id": "bad"} | changes)


def answer(**changes):
    return changed(answers=[ANSWER | changes])


def without(*keys):
    return json.dumps(
        {key: value for key, value in (GOOD | {"id": "bad"}).items() if key not in keys}
    )


UNNAMED = "no. 2"
START = ANSWER["answer_start"]

# By the code of the error: what is wrong, the question, words of the message, and what its place
# calls it where that is not `bad`.
MALFORMED = {
    "DATA-JSON": {
        "not an object": ("3", "not an object but a number", UNNAMED),
        "a list": ("[]", "not an object but a list", UNNAMED),
        "null": ("null", "not an object but null", UNNAMED),
        "key twice": (changed()[:-1] + ', "id": "b"}', "'id' is given twice", UNNAMED),
        "key of an answer twice": (
            changed().replace('"text":', '"text": "two", "text":'),
            "'text' is given twice",
        ),
        "NaN": (answer(answer_start=float("nan")), "NaN is not a JSON number"),
        "NaN in what is left alone": (changed(plausible_answers=[float("nan")]), "NaN is not"),
        "1e400": (changed().replace(f": {START}", ": 1e400"), "1e400 is larger"),
    },
    "DATA-COL": {
        "question missing": (without("question"), "key 'question' is missing"),
        "answers missing": (without("answers"), "key 'answers' is missing"),
        "key renamed": (
            without("question")[:-1] + ', "Question": "Who?"}',
            "found: 'id', 'answers', 'Question'",
        ),
        "answer without text": (changed(answers=[{"answer_start": 3}]), "answer lacks 'text'"),
        "answer without start": (changed(answers=[{"text": "two"}]), "lacks 'answer_start'"),
    },
    "DATA-ID": {
        "missing": (without("id"), "has no id", UNNAMED),
        "null": (changed(id=None), "has no id", UNNAMED),
        "empty": (changed(id=""), "has no id", UNNAMED),
        "spaces": (changed(id=" "), "has no id", UNNAMED),
        "a number": (changed(id=7), "id is not text.*got 7", UNNAMED),
        "a boolean": (changed(id=True), "id is not text.*got a boolean true", UNNAMED),
        "with a NUL": (changed(id="a\u2028\0"), "control character", UNNAMED),
        "with a surrogate": (changed(id="a\ud800"), "unpaired surrogate", UNNAMED),
        "twice": (changed(id="q0"), f"'q0' is given twice; the first is at {PLACE} q0", "q0"),
    },
    "DATA-TEXT": {
        "empty": (changed(question=""), "empty question"),
        "spaces": (changed(question=" \u200b"), "empty question"),
        "null": (changed(question=None), "the question is missing"),
        "a number": (changed(question=5), "the question is not text"),
        "with a NUL": (changed(question="Who\0?"), "U\\+0000 at character 4 of the question"),
        "with a surrogate": (changed(question="Who\udc00?"), "unpaired surrogate"),
        "too long": (changed(question="a" * (MOST_BYTES + 1)), "question has 1,048,577"),
    },
    "DATA-SPAN": {
        "answers an object": (changed(answers=ANSWER), "answers is not a list"),
        "answers null": (changed(answers=None), "answers is not a list.*got a null"),
        "answers a text": (changed(answers="two"), "answers is not a list"),
        "answer a text": (changed(answers=["two"]), "an answer is not an object"),
        "answer empty": (answer(text=""), "an answer is empty"),
        "answer of spaces": (answer(text=" "), "an answer is empty"),
        "answer null": (answer(text=None), "is empty, or is not text"),
        "answer a list": (answer(text=["two foxes"]), "is empty, or is not text"),
        "space after it": (answer(text="two foxes "), "begins or ends with a space"),
        "space before it": (
            answer(text=" two", answer_start=START - 1),
            "begins or ends with a space",
        ),
        "elsewhere": (
            answer(answer_start=0),
            "at answer_start 0 is not the answer.*got 'Über 🦊: u', expected 'two foxes'",
        ),
        "in capitals": (answer(text="TWO foxes"), "is not the answer"),
        "beyond the end": (
            answer(text="tall. Yes", answer_start=len(CONTEXT) - 5),
            "is not the answer",
        ),
        "second wrong": (changed(answers=[ANSWER, ANSWER | {"answer_start": 1}]), "start 1 is not"),
        "start negative": (
            answer(answer_start=-1),
            f"outside the context.*got -1, expected 0 to {len(CONTEXT) - 1}",
        ),
        "start from the end": (answer(answer_start=START - len(CONTEXT)), "outside the context"),
        "start at the end": (answer(answer_start=len(CONTEXT)), "outside the context"),
        "start past the end": (answer(answer_start=9999), "outside the context.*got 9999"),
        "start null": (answer(answer_start=None), "not a whole number.*got a null"),
        "start a float": (answer(answer_start=float(START)), "not a whole number"),
        "start a text": (answer(answer_start=str(START)), "not a whole number"),
        "start a boolean": (answer(answer_start=True), "got a boolean true"),
        "impossible with answers": (changed(is_impossible=True), "is_impossible says it has none"),
        "possible without": (changed(answers=[], is_impossible=False), "does not say so"),
        "nothing said": (changed(answers=[]), "no answer, and is_impossible does not say so"),
        "impossible a text": (changed(answers=[], is_impossible="true"), "neither.*got 'true'"),
        "impossible null": (changed(is_impossible=None), "neither.*got a null"),
        "impossible a number": (changed(is_impossible=0), "neither true nor false"),
    },
}


class Case(NamedTuple):
    code: str
    bad: str
    words: str
    name: str = "bad"


CASES = {
    f"{code} {name}": Case(code, *parts)
    for code, group in MALFORMED.items()
    for name, parts in group.items()
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture
def around(squad):
    """Return a function that makes a file in which a question stands between good ones."""

    def around(bad, context=CONTEXT):
        questions = [GOOD | {"id": "q0"}, bad, GOOD | {"id": "q2"}]
        return {"train.json": squad({"Foxes": [(context, questions)]})}

    return around


@every_case
def test_a_malformed_question_is_refused_where_it_stands(load, around, case):
    with pytest.raises(DataError, match=case.words) as caught:
        load(around(case.bad), reads="questions")
    assert (caught.value.code, caught.value.at) == (case.code, f"{PLACE} {case.name}")
    assert caught.value.fix
    assert "\n" not in caught.value.headline
    caught.value.headline.encode()  # can be printed


@every_case
def test_a_malformed_question_within_the_budget_is_left_out_and_counted(load, around, case):
    dataset = load(around(case.bad), reads="questions", max_bad_rows=1)
    assert [row.id for row in dataset.rows("train")] == ["q0", "q2"]
    assert (dataset.sources["train"].rows, dataset.sources["train"].skipped) == (3, 1)
    assert f"left out: 1 (first: {PLACE} {case.name}, " in dataset.warnings[0]


@pytest.mark.parametrize("context", ["", " \u200b", "a\0b", "a\udc00", 7, None, ["a"]])
def test_every_question_on_a_context_that_is_no_text_is_malformed(load, around, context):
    files = around(changed(), context)
    with pytest.raises(DataError, match=r"context.*and 2 more malformed rows") as caught:
        load(files, reads="questions")
    assert (caught.value.code, caught.value.at) == ("DATA-TEXT", f"{PLACE} q0")


def test_a_good_question_is_a_row_with_its_place_and_article(load, squad):
    twice = GOOD | {"answers": [ANSWER, ANSWER]}
    none = {"id": "n", "question": "Who barks?", "answers": [], "is_impossible": True}
    plausible = none | {"id": "p", "plausible_answers": [{"text": "nobody", "answer_start": -1}]}
    content = squad({"": [("x", [])], "Foxes": [("x", []), (CONTEXT, [twice, none, plausible])]})
    rows = load({"train.json": content}, reads="questions").rows("train")
    place = "train.json, article 2, paragraph 2, question"
    assert [(row.id, row.place) for row in rows] == [(i, f"{place} {i}") for i in ("q", "n", "p")]
    assert {(row.context, row.article) for row in rows} == {(CONTEXT, "Foxes")}
    kept = Answer("two foxes", ANSWER["answer_start"])
    assert [row.answers for row in rows] == [(kept, kept), (), ()]


def test_an_id_may_stand_in_two_splits(load, squad):
    other = squad({"Oaks": [(CONTEXT, [GOOD | {"question": "Who is it?"}])]})
    files = {"train.json": squad({"Foxes": [(CONTEXT, [GOOD])]}), "test.json": other}
    assert [rows[0].id for rows in load(files, reads="questions").splits.values()] == ["q", "q"]


def test_an_id_of_a_row_that_was_left_out_is_not_free(load, around):
    files = around(json.dumps(GOOD | {"id": "q2", "question": ""}))
    with pytest.raises(DataError, match=r"DATA-TEXT.*and 1 more"):
        load(files, reads="questions", max_bad_rows=1)


@pytest.mark.parametrize(
    ("encoding", "size", "unit"), [("utf-8", 1, "bytes"), ("utf-16-le", 2, "UTF-16 units")]
)
def test_a_start_counted_in_other_units_is_recognised(load, around, encoding, size, unit):
    start = len(CONTEXT[: ANSWER["answer_start"]].encode(encoding)) // size
    with pytest.raises(DataError, match="DATA-SPAN") as caught:
        load(around(answer(answer_start=start)), reads="questions")
    right = f"answer_start counts {unit}; in characters it is {ANSWER['answer_start']}"
    assert caught.value.fix == right


def test_a_wrong_start_is_told_where_the_answer_stands_first():
    assert refused_answer("the old oak", 2).fix.endswith(str(CONTEXT.index("the old oak")))
    assert "does not hold the answer" in refused_answer("three foxes", 2).fix


def refused_answer(text, start, **options):
    values = ("q", "Who?", CONTEXT, [{"text": text, "answer_start": start}], False, "")
    with pytest.raises(DataError) as caught:
        QuestionRows(**options)(Record("f", values), "train/0")
    return caught.value


def test_a_published_set_may_have_spaces_around_an_answer():
    start = CONTEXT.index(" two")
    values = ("q", "Who?", CONTEXT, [{"text": " two ", "answer_start": start}], False, "")
    row = QuestionRows(published=True)(Record("f", values), "train/0")
    assert row.answers == (Answer(" two ", start),)
    assert "an answer is empty" in refused_answer(" ", 5, published=True).problem


TEXT = st.text("aé🦊 ", min_size=1, max_size=12)


@given(before=TEXT, text=TEXT, after=TEXT, start=st.integers(-40, 40))
def test_a_start_is_taken_when_and_only_when_the_answer_stands_there(before, text, after, start):
    context = f"x{before}{text}{after}"
    values = ("q", "Who?", context, [{"text": text, "answer_start": start}], False, "")
    stands = start >= 0 and text.strip() == text and context[start:][: len(text)] == text
    if stands:
        row = QuestionRows()(Record("f", values), "train/0")
        assert row.answers == (Answer(text, start),)
    else:
        with pytest.raises(DataError, match="DATA-SPAN"):
            QuestionRows()(Record("f", values), "train/0")
