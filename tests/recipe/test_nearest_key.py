"""Unknown keys and the keys that were meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.recipe.known_keys import known_key, known_keys
from loratory.recipe.nearest_key import advice_for
from loratory.recipe.other_names import NOT_IN_A_RECIPE, OUR_KEYS
from loratory.recipe.schema import LoraMethod, SpanQATask
from loratory.recipe.settings import dotted

OURS = {dotted(path) for path in known_keys() if path}
KINDS = known_key(("task",), {}).kinds
METHODS = known_key(("method",), {}).kinds


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        (("training", "learing_rate"), "training.learning_rate"),
        (("training", "learning-rate"), "training.learning_rate"),
        (("training", "learningRate"), "training.learning_rate"),
        (("training", "Epochs"), "training.epochs"),
        (("learing_rate",), "training.learning_rate"),
        (("trainig",), "training"),
        (("r",), "method.r"),
        (("training", "r"), "method.r"),
        (("method", "batch_size"), "training.batch_size"),
        (("method", "alpha"), "method.lora_alpha"),
        (("training", "seed"), "seed"),
        (("training.epochs",), "training.epochs"),
        (("training.lr",), "training.learning_rate"),
        (("method", "rank_patern"), "method.rank_pattern"),
        (("method", "dropout"), "method.dropout"),
        (("LR",), "training.learning_rate"),
        (("method", "R"), "method.r"),
        (("num_train_epoch",), "training.epochs"),
        (("method", "target_module"), "method.target_modules"),
    ],
)
def test_the_key_that_was_meant_is_named(path, meant):
    advice = advice_for(path, {})
    assert advice.meant == (meant,)
    assert meant.rpartition(".")[2] in advice.fix


def test_a_key_of_another_section_is_sent_there():
    assert advice_for(("r",), {}).fix == "`r` belongs under `method`: write method.r"


def test_dropout_is_told_which_method_has_it_and_what_loras_is_called():
    fix = advice_for(("method", "dropout"), {}).fix
    assert fix == "`dropout` belongs to method.kind full; did you mean `lora_dropout`?"


def test_a_key_of_several_sections_names_them_all():
    advice = advice_for(("validation",), {})
    assert advice.meant == ("data.validation", "data.limit.validation", "data.holdout.validation")
    assert all(key in advice.fix for key in advice.meant)


@pytest.mark.parametrize("name", sorted(OUR_KEYS))
def test_names_of_other_tools_are_answered_with_our_key(name):
    advice = advice_for((name,), {})
    assert advice.meant == (OUR_KEYS[name],)
    assert f"`{OUR_KEYS[name]}`" in advice.fix


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(OUR_KEYS))
def test_names_of_other_tools_are_answered_with_the_kind_that_is_needed(name, kind):
    values = {"task": {"kind": kind}}
    fix = advice_for(("task", name), values).fix
    path = tuple(OUR_KEYS[name].split("."))
    is_of_the_task = path[0] == "task"
    assert ("with task.kind" in fix) == (is_of_the_task and known_key(path, values) is None)


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("name", sorted(n for n, o in OUR_KEYS.items() if o.startswith("method.")))
def test_names_of_other_tools_are_answered_with_the_method_that_is_needed(name, kind):
    values = {"method": {"kind": kind}}
    fix = advice_for((name,), values).fix
    path = tuple(OUR_KEYS[name].split("."))
    assert ("with method.kind" in fix) == (known_key(path, values) is None)


@pytest.mark.parametrize("name", sorted(NOT_IN_A_RECIPE))
def test_names_without_a_setting_say_what_to_do(name):
    assert advice_for(("training", name), {}).fix == NOT_IN_A_RECIPE[name]


def test_what_is_near_nothing_gets_the_keys_there_are():
    keys = ", ".join(LoraMethod.model_fields)
    assert advice_for(("method", "zzz"), {}).fix == f"remove it, or choose from {keys}"


def test_a_key_of_another_kind_is_told_from_no_key_and_the_keys_there_are_are_listed():
    keys = ", ".join(SpanQATask.model_fields)
    assert advice_for(("task", "labels"), {"task": {"kind": "span_qa"}}).fix == (
        f"`labels` belongs to task.kind classify or label_words; remove it, or choose from {keys}"
    )


def test_the_key_of_this_kind_that_is_spelt_alike_is_the_one_that_was_meant():
    values = {"task": {"kind": "span_qa"}}
    assert advice_for(("task", "max_lenght"), values).fix == "did you mean `max_length`?"
    assert advice_for(("task", "strides"), values).fix == "did you mean `stride`?"


@pytest.mark.parametrize(
    ("path", "kind", "fix"),
    [
        (("stride",), "span_qa", "`stride` belongs under `task`: write task.stride"),
        (("task", "num_beams"), "written_qa", "under `task.decoding`: write task.decoding.num_b"),
        (("num_beams",), "text", "under `task.decoding` with task.kind written_qa or"),
        (("task", "strid"), "classify", "`stride` belongs under `task` with task.kind span_qa: "),
        (("task", "decoding"), "text", "`decoding` belongs to task.kind written_qa or word_prob"),
        (("task", "label"), "span_qa", "`label` belongs under `data`: write data.label"),
        (("template",), "classify", "with task.kind label_words or written_qa or"),
        (("template",), "label_words", "`template` belongs under `task`: write task.template"),
    ],
)
def test_a_key_of_another_place_is_named_with_the_kind_it_needs(path, kind, fix):
    assert fix in advice_for(path, {"task": {"kind": kind}}).fix


def test_a_key_of_an_item_is_found_too():
    values = {"task": {"kind": "label_words", "examples": [{"text": "a", "lable": "b"}]}}
    advice = advice_for(("task", "examples", 0, "lable"), values)
    assert advice == ("did you mean `label`?", ("task.examples[0].label",))


def test_advice_is_one_short_line_whatever_the_key():
    for key in ("l\nr", "l" + "-" * 90_000 + "r", "z" * 90_000):
        fix = advice_for((key,), {}).fix
        assert fix.isprintable()
        assert len(fix) < 200


names = st.text(max_size=200) | st.sampled_from(sorted({key.rpartition(".")[2] for key in OURS}))


@given(st.lists(names, min_size=1, max_size=3), st.sampled_from([None, *KINDS]))
def test_every_unknown_key_gets_advice_of_real_keys(path, kind):
    advice = advice_for(tuple(path), {"task": {"kind": kind}})
    assert advice.fix
    assert {*advice.meant} <= OURS
