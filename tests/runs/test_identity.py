"""What a run was made of: a change that matters is named, one that does not is let be."""

import pytest

from loratory.errors import RunError
from loratory.recipe.schema import Recipe
from loratory.runs.identity import differences, require_same, settings


def recipe(**sections):
    return Recipe.model_validate({"base": "gpt2", "data": {"train": "a.csv"}, **sections})


def changed(**sections):
    """Return the settings that are other ones with `sections` than without."""
    before, after = settings(recipe()), settings(recipe(**sections))
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("section", "value", "name"),
    [
        ("seed", 1, "seed"),
        ("training", {"batch_size": 3}, "training.batch_size"),
        ("training", {"learning_rate": 1.0}, "training.learning_rate"),
        ("method", {"target_modules": ("c_attn",)}, "method.target_modules"),
        ("task", {"max_length": 9}, "task.max_length"),
    ],
)
def test_what_decides_about_the_result_is_a_setting(section, value, name):
    assert changed(**{section: value}) == {name}


@pytest.mark.parametrize(
    ("section", "value"),
    [("name", "other"), ("base", "elsewhere"), ("data", {"train": "moved.csv"})],
)
def test_names_and_places_are_not(section, value):
    """The digests of base and rows say what is in them."""
    assert changed(**{section: value}) == set()


def test_the_same_is_the_same():
    require_same({"a": "1", "b": [2]}, {"b": [2], "a": "1"}, at="here")


@pytest.mark.parametrize(
    ("now", "got"),
    [({"a": 1, "b": 3}, "got 3, "), ({"a": 1}, ""), ({"a": 1, "b": 2, "c": 4}, "got 4, ")],
)
def test_what_has_changed_gone_or_come_is_named(now, got):
    name = "c" if "c" in now else "b"
    words = rf"RUN-MISMATCH\]: the {name} is not .* at here, {got}expected (2|None)"
    with pytest.raises(RunError, match=words) as caught:
        require_same({"a": 1, "b": 2}, now, at="here")
    assert caught.value.exit_code == 4
    assert f"put the {name} back" in caught.value.fix


def test_the_first_of_several_is_named():
    with pytest.raises(RunError, match="the b is not"):
        require_same({"c": 1, "b": 1, "a": 1}, {"a": 2, "b": 2, "c": 1}, at="here")


def test_what_keeps_a_run_from_being_exact_is_told_of():
    before = {"versions": {"torch": "2"}, "processor": "A", "compute": {}, "memory_mb": 1}
    now = {"versions": {"torch": "3"}, "processor": "A", "compute": {}, "memory_mb": 2}
    assert differences(before, before) == []
    (sentence,) = differences(before, now)
    assert "another versions ({'torch': '2'} before, {'torch': '3'} now)" in sentence


def test_another_gpu_is_told_of():
    (sentence,) = differences({"gpu": "NVIDIA A"}, {"gpu": "NVIDIA B"})
    assert "another gpu (NVIDIA A before, NVIDIA B now)" in sentence
