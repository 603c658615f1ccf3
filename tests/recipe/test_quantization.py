"""The quantization section: its kinds, and what it does not go together with."""

import pytest

from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Int4Quantization, Int8Quantization

RECIPE = "base: gpt2\ndata: {train: films.csv}\n"


def loaded(tmp_path, **settings):
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return load_recipe(path, settings)


def test_a_recipe_rounds_nothing_unless_it_says_so(tmp_path):
    assert loaded(tmp_path).quantization is None


def test_each_kind_has_its_own_settings(tmp_path):
    assert loaded(tmp_path, quantization={}).quantization == Int8Quantization(activations="int8")
    found = loaded(tmp_path, quantization={"kind": "int4", "group_size": 64}).quantization
    assert found == Int4Quantization(group_size=64, activations="none")
    with pytest.raises(ConfigError, match="group_size"):
        loaded(tmp_path, quantization={"kind": "int8", "group_size": 64})


@pytest.mark.parametrize("size", [1, 0, -32, 2.5])
def test_a_group_has_two_members_at_least(tmp_path, size):
    with pytest.raises(ConfigError, match="group_size"):
        loaded(tmp_path, quantization={"kind": "int4", "group_size": size})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"method": {"kind": "bottleneck"}}, "method.kind"),
        ({"method": {"kind": "prompt"}}, "method.kind"),
        ({"method": {"kind": "prefix"}}, "method.kind"),
        ({"method": {"lora_dropout": 0.1}}, "method.lora_dropout"),
        ({"training": {"precision": "int8"}}, "training.precision"),
        ({"training": {"precision": "bfloat16"}}, "training.precision"),
        ({"task": {"kind": "preference"}}, "task.kind"),
        (
            {"base": {"kind": "recurrent", "tokenizer": "gpt2"}, "method": {"kind": "full"}},
            "base.kind",
        ),
    ],
)
def test_what_cannot_be_shipped_rounded_is_refused_by_name(tmp_path, settings, named):
    loaded(tmp_path, **settings)  # without quantization it is a recipe
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, quantization={"kind": "int8"}, **settings)
    assert "leave quantization out" in str(refused.value)
    assert named in str(refused.value)


@pytest.mark.parametrize("kind", ["lora", "full", "bitfit", "ia3", "head"])
def test_what_can_be_folded_can_be_rounded(tmp_path, kind):
    assert loaded(tmp_path, quantization={"kind": "int4"}, method={"kind": kind}).quantization
