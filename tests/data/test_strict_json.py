"""JSON by its standard: what Python's reader alone would take is handed over."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.data.strict_json import control_fault, json_name, shown, strict_decoder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_is_json_is_read_and_nothing_is_refused(value):
    assert strict_decoder(pytest.fail).decode(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("NaN", "NaN is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ("1e400", "1e400 is larger than any number that can be stored"),
        ("9" * 301, "a number has 301 digits"),
        ('{"a": 1, "b": 2, "b": 2}', "key 'b' is given twice"),
    ],
)
def test_what_is_no_json_is_handed_over_and_replaced(text, problem):
    heard = []
    decoder = strict_decoder(lambda said: heard.append(said) or "instead")
    assert decoder.decode(f'{{"outer": [{text}, 1]}}') == {"outer": ["instead", 1]}
    assert heard == [problem]


def test_a_control_character_is_named_with_its_line_and_its_place_there():
    fault = control_fault("one\ntwo\x07", "f.json", first=5)
    assert (fault.code, fault.at) == ("DATA-TEXT", "f.json:6")
    assert fault.problem == "control character U+0007 at character 4 of the line"
    assert control_fault("one\ttwo\r\n", "f.json") is None


@pytest.mark.parametrize(
    ("value", "named", "seen"),
    [
        ({}, "an object", {}),
        ([], "a list", []),
        ("a", "a string", "a"),
        (1, "a number", 1),
        (1.5, "a number", 1.5),
        (True, "a boolean", "a boolean true"),
        (None, "null", "a null"),
    ],
)
def test_values_are_called_what_json_calls_them(value, named, seen):
    assert json_name(value) == named
    assert shown(value) == seen
