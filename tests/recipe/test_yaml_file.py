"""YAML files: values, lines, and files that are refused."""

import itertools
import json
import os
import re
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.errors import ConfigError
from loratory.recipe.settings import UNPRINTABLE
from loratory.recipe.yaml_file import MOST_BYTES, read_yaml_file, read_yaml_text

printable = st.text(max_size=12).filter(lambda text: not UNPRINTABLE.search(text))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | printable
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner),
    max_leaves=9,
)


def refusal_of(path):
    with pytest.raises(ConfigError) as caught:
        read_yaml_file(path, "r.yaml")
    return caught.value


def chain(names, line):
    return "".join(line.format(a=a, b=b) for a, b in itertools.pairwise(names))


@given(documents)
def test_json_means_in_yaml_what_it_means_in_json(document):
    text = json.dumps(document, ensure_ascii=False)
    assert read_yaml_text(text, "r.yaml").values == document


def test_every_key_and_item_has_its_line(recipe_path):
    read = read_yaml_file(
        recipe_path(
            "base: gpt2\n\ndata:\n  # a comment\n  name: cola\ntask:\n  labels:\n  - a\n  - b\n"
        ),
        "r.yaml",
    )
    assert read.values == {"base": "gpt2", "data": {"name": "cola"}, "task": {"labels": ["a", "b"]}}
    assert read.lines == {
        (): 1,
        ("base",): 1,
        ("data",): 3,
        ("data", "name"): 5,
        ("task",): 6,
        ("task", "labels"): 7,
        ("task", "labels", 0): 8,
        ("task", "labels", 1): 9,
    }


def test_aliases_are_copied():
    values = read_yaml_text("a: &x {b: [1]}\nc: *x\n", "r.yaml").values
    assert values == {"a": {"b": [1]}, "c": {"b": [1]}}
    assert values["a"] is not values["c"]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(recipe_path):
    read = read_yaml_file(recipe_path(b"\xef\xbb\xbfa: 1\r\nb: x\r\n"), "r.yaml")
    assert read.values == {"a": 1, "b": "x"}
    assert read.lines["b",] == 2


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\n" + chain("abcdefghijklmno", "{b}: &{b} [*{a}, *{a}]\n"),
        f"a: &a {'x' * 50_000}\nb: [{'*a, ' * 1000}]\n",
        "a: &a [x]\n" + chain("abcdefghijklmnopqrst", "{b}: &{b} [*{a}]\n"),
    ],
    ids=["doubling", "repeated text", "deepening"],
)
def test_aliases_that_expand_too_far_are_refused(text):
    with pytest.raises(ConfigError, match="CFG-SIZE"):
        read_yaml_text(text, "r.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "empty"), ("# nothing\n", "empty"), ("- a\n", "not made of keys"), ("text", "not made")],
)
def test_a_file_without_keys_is_refused(recipe_path, text, problem):
    error = refusal_of(recipe_path(text))
    assert error.code == "CFG-TYPE"
    assert problem in error.problem


def test_bytes_that_are_not_utf8_are_refused_with_their_line(recipe_path):
    error = refusal_of(recipe_path(b"a: 1\nb: caf\xe9\n"))
    assert (error.code, error.at) == ("CFG-FILE", "r.yaml:2")
    assert "byte 11" in error.problem


def test_a_folder_is_refused(tmp_path):
    assert re.search("CFG-FILE.*folder", str(refusal_of(tmp_path)))


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = []
    reader = threading.Thread(
        target=lambda: found.append(refusal_of(tmp_path / "pipe")), daemon=True
    )
    reader.start()
    reader.join(timeout=10)
    assert [error.code for error in found] == ["CFG-FILE"]


def test_a_socket_and_a_device_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
        assert refusal_of(Path("socket")).code == "CFG-FILE"
    assert refusal_of(Path("/dev/zero")).code == "CFG-FILE"


def test_a_file_of_more_than_a_megabyte_is_refused(recipe_path):
    assert "1 MB" in refusal_of(recipe_path("#" * (MOST_BYTES + 1))).problem


@pytest.mark.parametrize("name", ["missing.yaml", "x" * 5000, "a\0b"])
def test_a_file_that_cannot_be_opened_is_refused(tmp_path, name):
    assert refusal_of(tmp_path / name).code == "CFG-FILE"


def test_a_file_that_may_not_be_read_is_refused(recipe_path):
    path = recipe_path("a: 1")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("the superuser reads every file")
    assert "Permission" in refusal_of(path).problem


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("text", ["a: 'x {} y'", "a: x{}y", '"a{}": 1', "# {}"])
def test_line_ends_of_yaml_1_1_alone_are_refused_rather_than_folded(character, text):
    with pytest.raises(ConfigError, match=f"CFG-SYNTAX.*U.{ord(character):04X}"):
        read_yaml_text(text.format(character), "r.yaml")


def test_text_that_cannot_be_printed_is_refused_with_its_place():
    with pytest.raises(ConfigError, match=r"CFG-TYPE.*r\.yaml:2 task\.labels\[1\]"):
        read_yaml_text('base: gpt2\ntask: {labels: [a, "\\0"]}', "r.yaml")
