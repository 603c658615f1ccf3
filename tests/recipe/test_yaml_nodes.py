"""YAML's syntax: lines, duplicate keys, tags, depth and time."""

import contextlib
import time

import pytest

from loratory.errors import ConfigError
from loratory.recipe.yaml_nodes import MOST_CHARACTERS, root_node


def refusal_of(text):
    with pytest.raises(ConfigError) as caught:
        root_node(text, "r.yaml")
    return caught.value


def test_nodes_know_their_lines():
    root = root_node("a: 1\nb:\n  - x\n  - y\n", "r.yaml")
    assert root.key_lines == {"a": 1, "b": 2}
    assert [item.line for item in root.content["b"].content] == [3, 4]


def test_quoted_scalars_are_text_and_plain_ones_are_resolved():
    items = root_node("['1', \"true\", 1, true, no]", "r.yaml").content
    assert [item.content for item in items] == ["1", "true", 1, True, "no"]


def test_an_alias_is_the_node_of_its_anchor():
    root = root_node("a: &x [1]\nb: *x\n", "r.yaml")
    assert root.content["a"] is root.content["b"]


def test_text_without_a_document_is_null():
    assert root_node("# nothing\n", "r.yaml").content is None


def test_a_key_given_twice_names_both_lines():
    error = refusal_of("epochs: 1\nseed: 2\nepochs: 3\n")
    assert error.headline.startswith(
        "error[CFG-DUP]: key epochs is given at lines 1 and 3, at r.yaml:3 epochs"
    )


def test_a_key_given_twice_in_json_is_refused_too():
    assert refusal_of('{"a": {"b": 1, "b": 2}}').code == "CFG-DUP"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", "r.yaml:3:2"),
        ("a: 1\n\tb: 2\n", "r.yaml:2:1"),
        ("a: 1\nb: 'x\n", "r.yaml:3:1"),
        ("a: b: c\n", "r.yaml:1:5"),
        ("a: *nothing\n", "r.yaml:1:4"),
        ("a: 1\n---\nb: 2\n", "r.yaml:2:1"),
        ("a: 1\nb\0: 2\n", "r.yaml:2:2"),
        ("a: >\n  \n   b\n", "r.yaml:3:4"),
    ],
)
def test_a_syntax_error_has_its_line_and_column(text, place):
    error = refusal_of(text)
    assert (error.code, error.at) == ("CFG-SYNTAX", place)


def test_a_tab_is_answered_with_spaces():
    assert "spaces" in refusal_of("a:\n\tb: 2\n").fix


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', "%YAML 9.9.9\n--- a", "%TAG ! \n--- !x a"])
def test_what_the_parser_trips_over_is_a_syntax_error(text):
    assert refusal_of(text).code == "CFG-SYNTAX"


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system [ls]", "!!python/name:os.system a: 1", "!x a: 1", "! a"],
)
def test_tags_are_refused(text):
    error = refusal_of(text)
    assert error.code == "CFG-TYPE"
    assert "tag !" in error.problem


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "? {a: b}\n: 1\n", "&x a: 1\n*x : 2\n"])
def test_keys_are_text(text):
    assert "a key is not text" in refusal_of(text).problem


def test_keys_that_cannot_be_printed_are_refused():
    assert "U+D800" in refusal_of('a: 1\n"\\ud800": 2\n').problem


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "a: &x [*x]"])
def test_deep_nesting_is_refused(text):
    assert refusal_of(text).code == "CFG-SIZE"


def test_too_many_values_are_refused():
    assert refusal_of("- 1\n" * 6000).code == "CFG-SIZE"


@pytest.mark.parametrize(
    "part", [*" \n[{\"'-?!&|a", "[?", "{a:", "a: ", "- &a b\n", "x\n\n", "%41", "\\\n"]
)
@pytest.mark.parametrize("start", ["", "a: ", '"', "--- !", "a: >\n "])
def test_no_text_keeps_the_parser_busy(start, part):
    text = start + part * ((MOST_CHARACTERS - len(start)) // len(part))
    begun = time.process_time()
    with contextlib.suppress(ConfigError):
        root_node(text, "r.yaml")
    assert time.process_time() - begun < 1


def test_longer_text_is_refused_unparsed():
    assert refusal_of("#" * (MOST_CHARACTERS + 1)).code == "CFG-SIZE"
