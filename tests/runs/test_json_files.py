"""JSON files: strict on both sides."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.errors import RunError
from loratory.runs.json_files import json_text, parse_json, read_json, write_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def without_infinity(value):
    if isinstance(value, dict):
        return {key: without_infinity(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_infinity(item) for item in value]
    return None if value in (math.inf, -math.inf) else value


@given(VALUES)
def test_a_value_comes_back_as_it_was_but_for_infinity(value):
    assert parse_json(json_text(value)) == without_infinity(value)


def test_numbers_that_are_not_finite_are_null(tmp_path):
    write_json(tmp_path / "result.json", {"loss": math.nan, "all": (1.5, math.inf, -math.inf)})
    assert read_json(tmp_path / "result.json") == {"loss": None, "all": [1.5, None, None]}


def test_files_are_readable_by_people(tmp_path):
    write_json(tmp_path / "result.json", {"run": "Zürich", "seed": 0})
    assert (tmp_path / "result.json").read_text() == '{\n  "run": "Zürich",\n  "seed": 0\n}\n'


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_constants_that_json_lacks_are_refused(text):
    json.loads(text)  # what Python itself lets pass
    with pytest.raises(ValueError, match="is not a JSON number"):
        parse_json(text)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[NaN]", None])
def test_a_damaged_or_missing_file_is_an_error_with_its_place(tmp_path, data):
    path = tmp_path / "result.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(RunError, match=f"RUN-FILE.*at {path}"):
        read_json(path)
