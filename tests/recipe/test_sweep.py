"""The sweep section: what it takes, and what it says of settings in a few words."""

import pytest

from loratory.errors import ConfigError
from loratory.recipe.load import dump_written, load_recipe, varied
from loratory.recipe.sweep import in_words

NEVER = "{kind: hyperband, min_resource: 9, max_resource: 3}"
ABOUT = "base: gpt2\ndata: {train: rows.csv}\n"


@pytest.fixture
def recipe(tmp_path):
    def load(text):
        path = tmp_path / "some.yaml"
        path.write_text(ABOUT + text)
        return load_recipe(path)

    return load


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("{low: 4, high: 2}", "low \\(4\\) is not below high \\(2\\)"),
        ("{low: 0.0, high: 1.0, log: true}", "a logarithmic scale has no 0.0"),
        ("{low: 1, high: 8, log: true, step: 1}", "step is a distance above 0"),
        ("{low: 1, high: 10, step: 4}", "steps of 4 from low \\(1\\) do not come to high \\(10\\)"),
        ("{low: 1, high: 10, step: 40}", "do not come to high"),
        ("{low: 1, high: 8, stride: 1}", "unknown key `stride`"),
    ],
)
def test_a_range_that_is_none_is_refused_by_its_place(recipe, bounds, said):
    with pytest.raises(ConfigError, match=said) as refused:
        recipe(f"sweep: {{kind: random, trials: 3, values: {{method.r: {bounds}}}}}")
    assert "some.yaml:3" in refused.value.at


@pytest.mark.parametrize(
    "prune", ["{reduction_factor: 1}", "{kind: halvin}", "{min_resource: 0}", NEVER]
)
def test_a_pruner_that_is_none_is_refused(recipe, prune):
    with pytest.raises(ConfigError, match=r"sweep\.prune"):
        recipe(f"sweep: {{values: {{method.r: [1]}}, prune: {prune}}}")


def test_steps_of_a_tenth_come_to_three_tenths(recipe):
    values = "{method.lora_dropout: {low: 0.0, high: 0.3, step: 0.1}}"
    assert recipe(f"sweep: {{kind: random, trials: 3, values: {values}}}").sweep.trials == 3


def test_what_was_written_loads_as_the_same_again(recipe, tmp_path):
    first = recipe("sweep: {values: {method.r: [2, 4], method: [{kind: full}]}, seeds: [1, 2]}")
    path = tmp_path / "again.yaml"
    path.write_text(dump_written(first))
    assert load_recipe(path) == first


def test_another_kind_has_its_own_defaults_and_no_key_of_the_kind_before(recipe):
    """Not so, if defaults that nobody wrote were taken for settings."""
    changed = varied(recipe("method: {kind: lora}\n"), {"method.kind": "ia3"})
    assert changed.method.kind == "ia3"


def test_settings_are_named_by_the_last_part_of_their_keys():
    settings = {"method": {"kind": "lora", "r": 4}, "training.learning_rate": 2e-4, "a.b": True}
    assert in_words(settings) == "method=lora r=4 learning_rate=0.0002 b=true"


def test_of_a_long_path_the_end_is_shown():
    shown = in_words({"data.train": f"/home/{'x' * 60}/films.csv", "b": "x" * 60})
    assert "/films.csv b=xxx" in shown
    assert all(len(part) <= 51 for part in shown.split())
