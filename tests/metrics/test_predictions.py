"""Prediction lines: what is written is read back, and what cannot be scored is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.errors import DataError
from loratory.metrics.predictions import Prediction, read_predictions, write_predictions

LINE = {
    "id": "validation/0",
    "text": "a fine film",
    "target": "positive",
    "prediction": "negative",
    "scores": {"negative": 0.93, "positive": 0.07},
}

predictions = st.builds(
    Prediction,
    id=st.text(),
    text=st.text(),
    target=st.none() | st.text(),
    prediction=st.text(),
    scores=st.dictionaries(st.text(), st.floats(0, 1)),
)


def written(tmp_path, *lines):
    path = tmp_path / "validation.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    return caught.value


@given(st.lists(predictions, unique_by=lambda prediction: prediction.id))
def test_predictions_come_back_as_they_were_written(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("run") / "predictions" / "test.jsonl"
    write_predictions(path, lines)
    assert read_predictions(path) == lines
    assert list(path.parent.iterdir()) == [path]


def test_line_separators_inside_a_text_do_not_end_the_line(tmp_path):
    line = Prediction(**{**LINE, "text": "one\u2028two\u0085three\r\nfour"})
    write_predictions(tmp_path / "test.jsonl", [line])
    assert read_predictions(tmp_path / "test.jsonl") == [line]


def test_a_file_has_one_readable_object_per_line(tmp_path):
    line = Prediction(**{**LINE, "text": "größte 🎬"})
    write_predictions(tmp_path / "test.jsonl", [line])
    content = (tmp_path / "test.jsonl").read_bytes().decode("utf-8")
    assert "größte 🎬" in content
    assert json.loads(content) == {**LINE, "text": "größte 🎬"}


def test_writing_that_fails_leaves_the_older_file_alone(tmp_path):
    path = tmp_path / "test.jsonl"
    older = [Prediction(**LINE)]
    write_predictions(path, older)
    with pytest.raises(ValueError, match="float"):
        write_predictions(path, [Prediction(**{**LINE, "scores": {"positive": float("nan")}})])
    assert read_predictions(path) == older


@pytest.mark.parametrize("key", LINE)
def test_a_missing_key_is_refused_with_its_line(tmp_path, key):
    line = {name: value for name, value in LINE.items() if name != key}
    error = refusal(written(tmp_path, json.dumps({**LINE, "id": "other"}), json.dumps(line)))
    assert (error.code, error.at) == ("EVAL-MISSING", "validation.jsonl:2")
    assert repr(key) in error.headline
    assert error.exit_code == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", 17),
        ("text", None),
        ("target", 1),
        ("prediction", ["negative"]),
        ("prediction", None),
        ("scores", [0.1, 0.9]),
        ("scores", {"negative": "0.9"}),
        ("scores", {"negative": True}),
        ("scores", {"negative": None}),
        ("scores", {"negative": float("nan")}),
        ("scores", {"negative": float("inf")}),
        ("scores", {"negative": 10**400}),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(tmp_path, key, value):
    error = refusal(written(tmp_path, json.dumps({**LINE, key: value})))
    assert (error.code, error.at) == ("EVAL-TYPE", "validation.jsonl:1")
    assert repr(key) in error.headline
    assert "got" in error.headline


@pytest.mark.parametrize("line", ['{"id": "validation/0", "te', "[1, 2]", "3", "{} {}"])
def test_a_line_that_is_no_object_is_refused(tmp_path, line):
    error = refusal(written(tmp_path, line))
    assert (error.code, error.at) == ("DATA-JSON", "validation.jsonl:1")


def test_an_id_given_twice_is_refused_with_both_places(tmp_path):
    error = refusal(written(tmp_path, json.dumps(LINE), json.dumps(LINE)))
    assert (error.code, error.at) == ("DATA-ID", "validation.jsonl:2")
    assert "validation.jsonl:1" in error.headline


def test_a_file_that_is_not_there_or_not_utf8_is_refused(tmp_path):
    assert refusal(tmp_path / "test.jsonl").code == "DATA-FILE"
    (tmp_path / "latin.jsonl").write_bytes(b"gr\xfc\xdfe")
    assert refusal(tmp_path / "latin.jsonl").code == "DATA-ENC"


def test_a_group_is_kept_where_there_is_one(tmp_path):
    lines = [Prediction(**LINE), Prediction(**{**LINE, "id": "q", "group": "p1"})]
    write_predictions(tmp_path / "test.jsonl", lines)
    alone, grouped = (tmp_path / "test.jsonl").read_text().splitlines()
    assert "group" not in alone
    assert json.loads(grouped)["group"] == "p1"
    assert read_predictions(tmp_path / "test.jsonl") == lines


def test_a_group_is_text(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({**LINE, "group": 3}))
    with pytest.raises(DataError, match="EVAL-TYPE"):
        read_predictions(path)
