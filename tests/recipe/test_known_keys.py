"""The keys read off the schema, what they take in words, and which kind of section has them."""

from typing import get_args

import pytest

from loratory.recipe.known_keys import (
    ANY,
    ITEM,
    is_section,
    keys_of_section,
    kind_at,
    kinds_needed,
    known_key,
    known_keys,
)
from loratory.recipe.schema import (
    ClassifyTask,
    LoraMethod,
    MethodSection,
    Recipe,
    SolvedExample,
    SpanQATask,
    TaskSection,
    TrainingSection,
)

SPANS = {"task": {"kind": "span_qa"}}
WORDS = {"task": {"kind": "label_words"}}


def sections(union):
    """Return the classes of a union of kinds."""
    return [get_args(form)[0] for form in get_args(get_args(union)[0])]


EVERY_KIND = [
    *(("task", section) for section in sections(TaskSection)),
    *(("method", section) for section in sections(MethodSection)),
]


def test_every_field_of_the_schema_is_a_key():
    assert keys_of_section((), {}) == [*Recipe.model_fields]
    assert keys_of_section(("training",), {}) == [*TrainingSection.model_fields]


@pytest.mark.parametrize(("key", "section"), EVERY_KIND)
def test_every_kind_of_section_has_the_keys_of_its_class(key, section):
    values = {key: {"kind": section.model_fields["kind"].default}}
    assert keys_of_section((key,), values) == [*section.model_fields]
    assert all(known_key((key, name), values) for name in section.model_fields)


def test_there_are_several_kinds():
    assert len(EVERY_KIND) > 6


@pytest.mark.parametrize(
    "values",
    [{}, {"task": None}, {"task": "span_qa"}, {"task": {}}]
    + [{"task": {"kind": kind}} for kind in (None, "spanqa", True, 1, ["span_qa"], {"a": 1})],
)
def test_without_a_kind_that_there_is_the_keys_are_those_of_the_usual_one(values):
    assert kind_at(("task",), values) == ClassifyTask().kind
    assert keys_of_section(("task",), values) == [*ClassifyTask.model_fields]


def test_the_usual_kind_is_the_one_that_the_schema_takes():
    recipe = Recipe(base="gpt2", data={"name": "cola"}, task={}, method={})
    assert recipe.task.kind == kind_at(("task",), {})
    assert recipe.method.kind == kind_at(("method",), {})


def test_only_sections_of_several_kinds_are_of_a_kind():
    assert kind_at(("task", "decoding"), {"task": {"kind": "written_qa"}}) is None
    assert kind_at(("training",), {}) is None
    assert kind_at(("no_such_key",), {}) is None


def test_a_key_of_one_kind_is_no_key_of_another():
    (stride,) = known_keys()["task", "stride"]
    assert stride.within == ((1, "span_qa"),)
    assert known_key(("task", "stride"), SPANS) == stride
    assert known_key(("task", "stride"), {}) is None


def test_a_key_of_several_kinds_is_the_one_of_the_kind_chosen():
    assert known_key(("task", "max_length"), SPANS).default == SpanQATask().max_length
    assert known_key(("task", "max_length"), {}).default is None
    assert known_key(("task", "max_length"), SPANS).types == {"integer"}
    assert known_key(("task", "max_length"), {}).types == {"integer", "null"}


def test_the_kinds_that_a_key_needs_are_told():
    assert kinds_needed(("task", "stride"), {}) == {("task",): ["span_qa"]}
    assert kinds_needed(("task", "labels"), SPANS) == {("task",): ["classify", "label_words"]}
    assert kinds_needed(("task", "decoding", "kind"), SPANS) == {
        ("task",): ["written_qa", "word_problem"]
    }
    assert kinds_needed(("task", "stride"), SPANS) == {}
    assert kinds_needed(("task", "bos"), SPANS) == {}
    assert kinds_needed(("task", "no_such_key"), {}) == {}


def test_every_key_says_what_it_takes():
    assert all(known.expected for forms in known_keys().values() for known in forms)


def test_every_key_but_a_kind_has_a_help_text():
    items = {path for path in known_keys() if path and path[-1] in (ANY, ITEM)}
    assert ("method", "rank_pattern", ANY) in items
    keys = {path: forms for path, forms in known_keys().items() if path and path not in items}
    silent = {path for path, forms in keys.items() if not all(form.description for form in forms)}
    assert silent == {
        ("base", "kind"),
        ("method", "kind"),
        ("quantization", "kind"),
        ("sweep", "kind"),
        ("sweep", "prune", "kind"),
        ("task", "kind"),
        ("task", "loss", "kind"),
    }


def test_sections_are_told_from_values():
    assert is_section((), {})
    assert is_section(("data", "limit"), {})
    assert is_section(("task",), {})
    assert is_section(("task", "examples", 0), WORDS)
    assert not is_section(("task", "examples"), WORDS)
    assert not is_section(("task", "examples", 0), {})
    assert not is_section(("data", "name"), {})
    assert not is_section(("data", "no_such_key"), {})


def test_any_name_is_a_key_where_names_are_free_and_nowhere_else():
    for name in ("c_attn", r".*\.0\..*", ANY, ITEM, "kind"):
        assert known_key(("method", "rank_pattern", name), {}).expected == "a whole number >= 1"
        assert known_key(("method", "rank_pattern", name), {"method": {"kind": "full"}}) is None
        assert known_key(("method", "rank_pattern", name, "more"), {}) is None
        assert known_key(("data", "limit", name), {}) is None
    assert keys_of_section(("method", "rank_pattern"), {}) == []


def test_the_items_of_a_list_may_be_sections():
    assert keys_of_section(("task", "examples", 3), WORDS) == [*SolvedExample.model_fields]
    assert known_key(("task", "examples", 3, "label"), WORDS).expected == "text"


def test_what_is_no_section_has_no_keys():
    assert keys_of_section(("data", "name"), {}) == []
    assert keys_of_section(("no_such_key",), {}) == []


def test_expectations_are_in_words():
    words = {
        ("training", "epochs"): "a whole number >= 1",
        ("training", "learning_rate"): "a number > 0",
        ("training", "evaluate_every"): "epoch or a whole number >= 1",
        ("training", "schedule"): "one of linear, cosine, constant",
        ("training", "warmup"): "a whole number >= 0 or a number >= 0 and < 1",
        ("task",): "a section of settings",
        (
            "task",
            "kind",
        ): "one of classify, label_words, span_qa, written_qa, text, preference, word_problem",
        ("task", "labels"): "a list of text",
        ("task", "labels", 3): "text",
        ("task", "examples"): "a list of sections of settings",
        ("task", "bos"): "true or false",
        ("method", "kind"): (
            "one of lora, full, bitfit, bottleneck, ia3, prompt, prefix, head, peft, none, "
            "prompting"
        ),
        ("method", "rank_pattern"): "a section of names, each with a whole number >= 1",
        ("method", "alpha_pattern", "c_attn"): "a number > 0",
        ("method", "layers_to_transform"): "a list of a whole number >= 0",
        ("base",): "text that is not empty or a section of settings",
        ("data",): "a section of settings",
    }
    assert {path: known_key(path, WORDS).expected for path in words} == words


def test_a_key_knows_its_types_choices_default_and_help():
    (known,) = known_keys()["training", "schedule"]
    assert known.types == {"string"}
    assert known.choices == ("linear", "cosine", "constant")
    assert known.default == TrainingSection().schedule
    assert known.description.startswith("How the learning rate falls")
    assert known_key(("training", "max_grad_norm"), {}).types == {"number", "null"}
    assert known_key(("method", "kind"), {}).default == LoraMethod().kind
    assert ("task", "labels", ITEM) in known_keys()


@pytest.mark.usefixtures("kinds_within_kinds")
def test_a_section_of_several_kinds_may_stand_in_another():
    beam = ("task", "write", "beam")
    assert known_key(beam, {"task": {"kind": "write"}}).default == 4
    assert known_key(beam, {"task": {"kind": "write", "write": {"kind": "greedy"}}}) is None
    assert known_key(beam, {"task": {"write": {"kind": "beam"}}}) is None
    assert kinds_needed(beam, {}) == {("task",): ["write"], ("task", "write"): ["beam"]}


@pytest.mark.usefixtures("kinds_within_kinds")
def test_each_item_of_a_list_is_of_its_own_kind():
    values = {"task": {"kind": "write", "others": [{}, {"kind": "greedy"}]}}
    assert keys_of_section(("task", "others", 0), values) == ["kind", "beam"]
    assert keys_of_section(("task", "others", 1), values) == ["kind"]


@pytest.mark.usefixtures("kinds_within_kinds")
def test_a_section_of_several_kinds_may_be_absent():
    values = {"task": {"kind": "write", "last": {"kind": "beam"}}}
    assert known_key(("task", "last"), values).types == {"object", "null"}
    assert known_key(("task", "last", "beam"), values).expected == "a whole number >= 1"
