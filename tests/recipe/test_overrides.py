"""KEY=VALUE and Python values in the place of a recipe's own."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.errors import ConfigError
from loratory.recipe.overrides import apply_overrides
from loratory.recipe.settings import UNPRINTABLE, Settings


def overridden(overrides, **values):
    settings = Settings(values, {})
    apply_overrides(settings, overrides)
    return settings.values


def refusal_of(overrides):
    with pytest.raises(ConfigError) as caught:
        overridden(overrides, base="gpt2", training={"epochs": 1})
    return caught.value


def is_printable(text):
    return not UNPRINTABLE.search(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("base=gpt2", {"base": "gpt2"}),
        ("method.r=16", {"method": {"r": 16}}),
        ("data.limit.train=2000", {"data": {"limit": {"train": 2000}}}),
        ("task.labels=[a,b]", {"task": {"labels": ["a", "b"]}}),
        ("task.labels=[no, 'true']", {"task": {"labels": ["no", "true"]}}),
        ("training.learning_rate=1e-4", {"training": {"learning_rate": 1e-4}}),
        ("method={kind: lora, r: 4}", {"method": {"kind": "lora", "r": 4}}),
        ("data.text='1'", {"data": {"text": "1"}}),
        ("data.train= my file.csv ", {"data": {"train": "my file.csv"}}),
        ("base=a=b: c # d", {"base": "a=b: c # d"}),
        (
            r"method.target_modules=.*\.(q|v)_proj",
            {"method": {"target_modules": r".*\.(q|v)_proj"}},
        ),
    ],
)
def test_a_value_is_read_as_yaml_and_put_at_its_key(text, values):
    assert overridden([text]) == values


@given(st.text().filter(is_printable))
def test_quoted_text_arrives_as_it_is(text):
    assert overridden([f"base={json.dumps(text, ensure_ascii=False)}"]) == {"base": text}


def test_overrides_leave_other_settings_alone():
    values = overridden(["training.epochs=5"], base="gpt2", training={"epochs": 1, "batch_size": 4})
    assert values == {"base": "gpt2", "training": {"epochs": 5, "batch_size": 4}}


def test_a_section_as_value_replaces_the_section():
    values = overridden(["training={epochs: 5}"], training={"epochs": 1, "batch_size": 4})
    assert values == {"training": {"epochs": 5}}


def test_a_later_override_reaches_into_an_earlier_one():
    assert overridden(["method={r: 4}", "method.r=8"]) == {"method": {"r": 8}}


@pytest.mark.parametrize(
    "given", [["method.rank_pattern.mlp.c_fc=4"], {"method.rank_pattern.mlp.c_fc": 4}]
)
def test_the_points_of_a_free_name_are_its_own(given):
    assert overridden(given) == {"method": {"rank_pattern": {"mlp.c_fc": 4}}}


@pytest.mark.parametrize("written", ["null", "~", ""])
def test_null_removes_a_key_whose_default_counts_then(written):
    values = overridden([f"training.epochs={written}"], training={"epochs": 1, "batch_size": 4})
    assert values == {"training": {"batch_size": 4}}


def test_null_is_kept_where_it_is_a_setting():
    values = overridden(["training.max_grad_norm=null"], training={"max_grad_norm": 2.0})
    assert values == {"training": {"max_grad_norm": None}}


def test_null_does_not_hide_an_unknown_key():
    assert overridden(["trainig=null"]) == {"trainig": None}
    assert overridden(["task.lables=null"]) == {"task": {"lables": None}}


def test_null_is_kept_only_where_the_kind_takes_it():
    def after(kind):
        return overridden(["task.max_length=null"], task={"kind": kind, "max_length": 9})["task"]

    assert after("classify") == {"kind": "classify", "max_length": None}
    assert after("span_qa") == {"kind": "span_qa"}


@pytest.mark.parametrize("last", [False, True])
def test_null_is_judged_by_the_kind_after_all_overrides(last):
    overrides = ["task.max_length=null", "task.kind=span_qa"]
    values = overridden(overrides[:: -1 if last else 1], task={"kind": "classify"})
    assert values == {"task": {"kind": "span_qa"}}


def test_null_removes_what_a_new_kind_has_not():
    values = overridden(["method.kind=full", "method.r=null"], method={"kind": "lora", "r": 8})
    assert values == {"method": {"kind": "full"}}


def test_null_makes_a_kind_the_usual_one():
    overrides = ["task.too_long=null", "task.kind=null"]
    assert overridden(overrides, task={"kind": "span_qa", "too_long": "x"}) == {"task": {}}


def test_a_null_that_a_section_replaces_later_is_forgotten():
    assert overridden(["method.r=null", "method={r: 4}"]) == {"method": {"r": 4}}
    assert overridden(["training=null", "training.epochs=4"]) == {"training": {"epochs": 4}}


@pytest.mark.parametrize(
    "text", ["epochs", "=3", "training.=3", ".epochs=3", "a..b=1", "", "\ud800"]
)
def test_what_is_not_key_and_value_is_refused(text):
    error = refusal_of([text])
    assert error.code == "CFG-SYNTAX"
    assert "KEY=VALUE" in error.fix


@pytest.mark.parametrize("key", [".".join("a" * 20), ".".join("a" * 5000)])
def test_a_key_of_many_parts_is_refused(key):
    assert refusal_of([f"{key}=1"]).code == "CFG-SYNTAX"


def test_a_key_given_twice_is_refused():
    error = refusal_of(["training.epochs=3", "training.epochs=4"])
    assert (error.code, error.at) == ("CFG-DUP", "command line: training.epochs")


def test_a_key_that_cannot_be_printed_is_refused():
    assert "U+DCFF" in refusal_of(["method.\udcff=1"]).problem


def test_a_key_below_a_value_is_refused():
    assert refusal_of(["base.name=x"]).code == "CFG-TYPE"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("[a", "CFG-SYNTAX"),
        ("'a' b", "CFG-SYNTAX"),
        ("{r: 1, r: 2}", "CFG-DUP"),
        ("[!!python/object:os.system x]", "CFG-TYPE"),
        ("[" * 1000, "CFG-SIZE"),
        ("9" * 30, "CFG-RANGE"),
        ("\udcff", "CFG-TYPE"),
    ],
)
def test_a_value_that_cannot_be_read_names_its_key(value, code):
    error = refusal_of([f"method.r={value}"])
    assert error.code == code
    assert error.at.startswith("command line: method.r")


def test_a_mapping_holds_python_values_as_they_are():
    values = overridden({"task.labels": ("no", "1"), "data.dir": Path("a/b"), "method": {"r": 4}})
    assert values == {"task": {"labels": ["no", "1"]}, "data": {"dir": "a/b"}, "method": {"r": 4}}


def test_an_error_in_a_mapping_is_not_blamed_on_the_command_line():
    assert refusal_of({"base.name": 1}).at == "override: base.name"


def circle():
    values = []
    values.append(values)
    return values


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, {1, 2}, b"x", circle(), "\0", {"a": {"\0": 1}}]
)
def test_python_values_that_no_recipe_can_hold_are_refused(value):
    error = refusal_of({"task.labels": value})
    assert (error.code, error.at) == ("CFG-TYPE", "override: task.labels")
