"""JSON Lines: whatever was written comes back, whatever was not is a fault of its line."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.jsonl import jsonl_records

TEXT = st.text(st.characters(exclude_characters="\ufeff", exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(st.tuples(JSON, JSON), min_size=1), st.booleans())
def test_what_was_written_is_read_back_whatever_it_is(rows, escaped):
    lines = [json.dumps({"a": a, "b": b, "c": 0}, ensure_ascii=escaped) for a, b in rows]
    content = "\n".join(lines).replace("\x7f", "\\u007f").encode()
    records = jsonl_records(content, "train.jsonl", ("b", "a"))
    assert [record.values for record in records] == [(b, a) for a, b in rows]
    assert [record.place for record in records] == [
        f"train.jsonl:{number}" for number in range(1, len(rows) + 1)
    ]


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_a_fault(junk):
    good = b'{"text": "one", "label": 1}'
    records = jsonl_records(
        good + b"\n" + junk.replace(b"\n", b" ") + b"x\n" + good, "f", ("text",)
    )
    assert [record.values for record in (records[0], records[-1])] == [("one",), ("one",)]
    assert len(records) == 3
    assert records[1].code in {"DATA-ENC", "DATA-JSON", "DATA-TEXT"}


def test_the_first_fault_of_a_cut_line_is_named_with_its_column():
    (fault,) = jsonl_records(b'{"text": "one", "label"', "train.jsonl", ("text",))
    assert fault.code == "DATA-JSON"
    assert "not complete JSON" in fault.problem
    assert "column 24" in fault.problem


def test_the_key_that_is_given_twice_is_named():
    (fault,) = jsonl_records(b'{"a": 1, "b": 2, "b": 3}', "train.jsonl", ("a",))
    assert (fault.code, fault.problem) == ("DATA-JSON", "key 'b' is given twice")


def test_a_control_character_is_named_with_its_place():
    (fault,) = jsonl_records(b'{"text": "one\x07"}', "train.jsonl", ("text",))
    assert (fault.code, fault.problem) == (
        "DATA-TEXT",
        "control character U+0007 at character 14 of the line",
    )


def test_a_number_of_300_digits_is_read_and_a_longer_one_refused():
    lines = b'{"n": %s}\n{"n": %s}' % (b"9" * 300, b"9" * 301)
    whole, fault = jsonl_records(lines, "train.jsonl", ("n",))
    assert whole.values == (int("9" * 300),)
    assert fault.problem == "a number has 301 digits"
