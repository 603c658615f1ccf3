"""SQuAD's JSON format: what a file must be before its questions can be looked at one by one."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.data.records import Record
from loratory.data.squad import squad_records, squad_table
from loratory.errors import DataError

QUESTION = {"id": "q", "question": "Who?", "answers": []}
PARAGRAPH = {"context": "Foxes.", "qas": [QUESTION]}
ARTICLE = {"title": "Foxes", "paragraphs": [PARAGRAPH]}


def document(**article):
    return json.dumps({"data": [ARTICLE, ARTICLE | article]})


def paragraph(**changes):
    return document(paragraphs=[PARAGRAPH, PARAGRAPH | changes])


def lacking(holder, key):
    return {name: value for name, value in holder.items() if name != key}


# The file, the code, the place after its name, and words of the message.
WHOLES = {
    "cut": (document()[:-9], "DATA-JSON", ":1", "not complete JSON"),
    "cut in a later line": ('{"data":\n[{"title": ', "DATA-JSON", ":2", "not complete JSON"),
    "two values": ('{"data": []}\n{"data": []}', "DATA-JSON", ":2", "more than one value"),
    "single quotes": ("{'data': []}", "DATA-JSON", ":1", "not complete JSON"),
    "a comment": ('// SQuAD\n{"data": []}', "DATA-JSON", ":1", "not complete JSON"),
    "deep nesting": ('{"data": ' + "[" * 100_000, "DATA-JSON", ":1", "nested too deeply"),
    "raw NUL": (document().replace("Foxes", "\0"), "DATA-TEXT", ":1", "U\\+0000 at character 22"),
    "a list": ("[]", "DATA-JSON", "", "not an object but a list"),
    "a number": ("3", "DATA-JSON", "", "not an object but a number"),
    "NaN": ("NaN", "DATA-JSON", "", "NaN is not a JSON number"),
    "data twice": ('{"data": [], "data": []}', "DATA-JSON", "", "'data' is given twice"),
    "data missing": ('{"Data": []}', "DATA-COL", "", "'data' is missing; found: 'Data'"),
    "data an object": ('{"data": {}}', "DATA-JSON", "", "'data' is not a list but an object"),
    "NaN beside the data": ('{"data": [], "version": NaN}', "DATA-JSON", "", "NaN"),
    "data with a key twice": ('{"data": {"a": 1, "a": 2}}', "DATA-JSON", "", "'a' is given"),
    "article a list": ('{"data": [[]]}', "DATA-JSON", ", article 1", "not an object but a list"),
    "paragraphs missing": (
        json.dumps({"data": [ARTICLE, lacking(ARTICLE, "paragraphs")]}),
        "DATA-COL",
        ", article 2",
        "'paragraphs' is missing; found: 'title'",
    ),
    "paragraphs null": (document(paragraphs=None), "DATA-JSON", ", article 2", "but null"),
    "title a number": (document(title=3), "DATA-TEXT", ", article 2", "title is not text, .* 3"),
    "paragraph a text": (
        document(paragraphs=["Foxes."]),
        "DATA-JSON",
        ", article 2, paragraph 1",
        "not an object but a string",
    ),
    "questions missing": (
        document(paragraphs=[PARAGRAPH, lacking(PARAGRAPH, "qas")]),
        "DATA-COL",
        ", article 2, paragraph 2",
        "'qas' is missing; found: 'context'",
    ),
    "questions an object": (
        paragraph(qas=QUESTION),
        "DATA-JSON",
        ", article 2, paragraph 2",
        "'qas' is not a list but an object",
    ),
    "context NaN": (
        paragraph(context=float("nan")),
        "DATA-JSON",
        ", article 2, paragraph 2",
        "NaN",
    ),
}


@pytest.mark.parametrize(("text", "code", "place", "words"), WHOLES.values(), ids=WHOLES)
def test_a_file_whose_questions_cannot_be_found_is_refused(load, text, code, place, words):
    """Whatever the budget of malformed rows: how many rows are lost cannot be told."""
    with pytest.raises(DataError, match=words) as caught:
        load({"train.json": text.encode()}, reads="questions", max_bad_rows=1000)
    assert (caught.value.code, caught.value.at) == (code, f"train.json{place}")


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (document().encode("utf-16"), ":1", "UTF-16"),
        (b'{"data":\n "caf\xe9"}', ":2", "byte 6 of the line is not UTF-8.*Latin-1"),
        (b'{"data": "\xed\xa0\x80"}', ":1", "not UTF-8"),
    ],
)
def test_a_file_that_is_not_utf_8_is_refused(content, place, words):
    with pytest.raises(DataError, match=words) as caught:
        squad_records(content, "train.json")
    assert (caught.value.code, caught.value.at) == ("DATA-ENC", f"train.json{place}")


@pytest.mark.parametrize(
    "content",
    [
        document().encode(),
        b"\xef\xbb\xbf" + document().encode(),
        json.dumps(json.loads(document()), indent=2).replace("\n", "\r\n").encode(),
    ],
)
def test_marks_at_the_start_and_line_ends_are_of_no_account(content):
    assert squad_records(content, "f.json") == squad_records(document().encode(), "f.json")


def test_a_record_has_what_the_file_says_in_a_fixed_order():
    answers = [{"text": "Foxes", "answer_start": 0}]
    second = {"id": 7, "question": None, "answers": answers, "is_impossible": "no", "more": 1}
    text = json.dumps(
        {"data": [{"paragraphs": [{"context": "Foxes.", "qas": [QUESTION, second]}]}]}
    )
    assert squad_records(text.encode(), "f.json") == [
        Record(
            "f.json, article 1, paragraph 1, question q", ("q", "Who?", "Foxes.", [], False, "")
        ),
        Record(
            "f.json, article 1, paragraph 1, question no. 2",
            (7, None, "Foxes.", answers, "no", ""),
        ),
    ]


def test_a_missing_context_is_a_fault_of_each_question():
    text = document(paragraphs=[{"qas": [QUESTION, QUESTION]}, PARAGRAPH])
    _, *faults, good = squad_records(text.encode(), "f.json")
    assert [fault.at for fault in faults] == ["f.json, article 2, paragraph 1, question q"] * 2
    assert {fault.code for fault in faults} == {"DATA-COL"}
    assert "'context' is missing; found: 'qas'" in faults[0].problem
    assert good.values[2] == "Foxes."


def test_a_long_or_odd_id_is_not_part_of_the_place():
    for row_id in ("x" * 65, "a\nb", "  ", "\ud800"):
        (record,) = squad_records(
            json.dumps(
                {"data": [{"paragraphs": [{"context": "", "qas": [QUESTION | {"id": row_id}]}]}]}
            ).encode(),
            "f.json",
        )
        assert record.place == "f.json, article 1, paragraph 1, question no. 1"
        assert record.values[0] == row_id


def test_without_answers_none_are_needed_or_looked_at():
    asked = [{"id": "q", "question": "Who?"}, QUESTION | {"answers": 3, "is_impossible": 3}]
    text = json.dumps({"data": [{"paragraphs": [{"context": "Foxes.", "qas": asked}]}]})
    records = squad_records(text.encode(), "f.json", answered=False)
    assert [record.values[3:5] for record in records] == [([], True)] * 2
    assert squad_records(text.encode(), "f.json")[0].code == "DATA-COL"


@pytest.mark.parametrize(
    "content", [b"", b" \n", b'{"data": []}', b'{"data": [{"paragraphs": []}]}']
)
def test_a_file_without_questions_is_empty(write, content):
    with pytest.raises(DataError, match="0 rows") as caught:
        squad_table(write("train.json", content))
    assert caught.value.code == "DATA-EMPTY"


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl", "train"])
def test_another_ending_is_refused(write, name):
    with pytest.raises(DataError, match=r"expected \.json") as caught:
        squad_table(write(name, document().encode()))
    assert caught.value.code == "DATA-FILE"


def test_the_ending_may_be_in_capitals_and_the_digest_is_of_the_bytes(write):
    one, other = (write(name, document().encode()) for name in ("a.JSON", "b.json"))
    assert squad_table(one).digest == squad_table(other).digest
    assert squad_table(one).description == str(one)


def test_a_value_nested_a_thousand_levels_deep_is_looked_through():
    deep = json.loads("[" * 900 + "]" * 900)
    text = json.dumps(
        {"data": [{"paragraphs": [{"context": "", "qas": [QUESTION | {"x": deep}]}]}]}
    )
    spoiled = text.replace("[]", "[NaN]")
    assert isinstance(squad_records(text.encode(), "f.json")[0], Record)
    assert "NaN" in squad_records(spoiled.encode(), "f.json")[0].problem


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["data", "paragraphs", "context", "qas", "id", "question", "answers"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    JSON | JSON.map(lambda value: {"data": [{"paragraphs": [{"context": "x", "qas": [value]}]}]})
)
def test_any_json_is_records_or_faults_or_one_error(value):
    with suppress(DataError):
        records = squad_records(json.dumps(value).encode(), "f.json")
        assert all(isinstance(record, Record | DataError) for record in records)
