"""Unknown keys and the keys that were meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.recipe.known_keys import known_keys
from loratory.recipe.nearest_key import advice_for
from loratory.recipe.other_names import NOT_IN_A_RECIPE, OUR_KEYS
from loratory.recipe.schema import LoraMethod
from loratory.recipe.settings import dotted

OURS = {dotted(path) for path in known_keys() if path}


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
        (("LR",), "training.learning_rate"),
        (("method", "R"), "method.r"),
        (("num_train_epoch",), "training.epochs"),
        (("method", "target_module"), "method.target_modules"),
    ],
)
def test_the_key_that_was_meant_is_named(path, meant):
    advice = advice_for(path)
    assert advice.meant == (meant,)
    assert meant.rpartition(".")[2] in advice.fix


def test_a_key_of_another_section_is_sent_there():
    assert advice_for(("r",)).fix == "`r` belongs under `method`: write method.r"


def test_a_key_of_several_sections_names_them_all():
    advice = advice_for(("validation",))
    assert advice.meant == ("data.validation", "data.limit.validation", "data.holdout.validation")
    assert all(key in advice.fix for key in advice.meant)


@pytest.mark.parametrize("name", sorted(OUR_KEYS))
def test_names_of_other_tools_are_answered_with_our_key(name):
    advice = advice_for((name,))
    assert advice.meant == (OUR_KEYS[name],)
    assert f"`{OUR_KEYS[name]}`" in advice.fix


@pytest.mark.parametrize("name", sorted(NOT_IN_A_RECIPE))
def test_names_without_a_setting_say_what_to_do(name):
    assert advice_for(("training", name)).fix == NOT_IN_A_RECIPE[name]


def test_what_is_near_nothing_gets_the_keys_there_are():
    keys = ", ".join(LoraMethod.model_fields)
    assert advice_for(("method", "zzz")).fix == f"remove it, or choose from {keys}"


def test_advice_is_one_short_line_whatever_the_key():
    for key in ("l\nr", "l" + "-" * 90_000 + "r", "z" * 90_000):
        fix = advice_for((key,)).fix
        assert fix.isprintable()
        assert len(fix) < 200


@given(st.lists(st.text(max_size=200), min_size=1, max_size=3))
def test_every_unknown_key_gets_advice_of_real_keys(path):
    advice = advice_for(tuple(path))
    assert advice.fix
    assert {*advice.meant} <= OURS
