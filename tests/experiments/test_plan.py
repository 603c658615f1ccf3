"""The trials of a sweep: which there are, in what order, and what is refused before any begins."""

import re

import pytest

from loratory.errors import ConfigError
from loratory.experiments.plan import check_overrides, make_plan
from loratory.recipe.load import load_recipe
from loratory.recipe.shipped import shipped_recipes


@pytest.fixture
def planned(sweep_recipe):
    return lambda section: make_plan(load_recipe(sweep_recipe(section, "planned")))


def test_a_grid_is_every_combination_and_what_comes_besides(planned):
    plan = planned(
        "  values: {method.r: [2, 4], training.epochs: [1, 3]}\n  also: [{method: {kind: full}}]\n"
    )
    pairs = [(point.get("method.r"), point.get("training.epochs")) for point in plan.points]
    assert pairs == [(2, 1), (2, 3), (4, 1), (4, 3), (None, None)]
    assert plan.run(plan.points[-1], 0).method.kind == "full"


def test_every_point_is_seen_with_one_seed_before_any_with_the_next(planned):
    plan = planned("  values: {method.r: [2, 4]}\n  seeds: [7, 5]\n")
    assert plan.trials == 4
    assert [plan.place(number) for number in range(4)] == [(0, 7), (1, 7), (0, 5), (1, 5)]
    assert plan.run(plan.points[1], 5).seed == 5


def test_a_trial_never_sees_a_test_row(planned):
    plan = planned("  values: {method.r: [2, 4]}\n")
    assert plan.run(plan.points[0], 0).data.splits == ("train", "validation")


@pytest.mark.parametrize("order", [1, -1])
def test_a_key_inside_a_section_that_is_swept_holds_in_whatever_order(planned, order):
    keys = ["method.r: [4, 16]", "method: [{kind: lora}, {kind: lora, use_dora: true}]"]
    plan = planned(f"  values: {{{', '.join(keys[::order])}}}\n")
    methods = [plan.run(point, 0).method for point in plan.points]
    assert [method.r for method in methods] == [point["method.r"] for point in plan.points]
    assert {method.use_dora for method in methods} == {False, True}


def test_a_trial_on_swept_data_never_sees_a_test_row(planned):
    plan = planned("  values: {data: [{name: cola, splits: [train, test]}, {name: cola}]}\n")
    for point in plan.points:
        assert plan.run(point, 0).data.splits == ("train", "validation")


def test_random_points_are_the_same_every_time_and_within_their_bounds(planned):
    section = (
        "  kind: random\n  trials: 20\n  values:\n"
        "    training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}\n"
        "    method.r: {low: 2, high: 6, step: 2}\n    method: [{kind: lora, lora_alpha: 4}]\n"
    )
    points = planned(section).points
    assert planned(section).points == points
    assert len({point["training.learning_rate"] for point in points}) == 20
    assert all(1e-4 <= point["training.learning_rate"] <= 1e-2 for point in points)
    assert {point["method.r"] for point in points} == {2, 4, 6}
    assert all(point["method"] == {"kind": "lora", "lora_alpha": 4} for point in points)


TEN = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"


@pytest.mark.parametrize(
    ("section", "code", "said"),
    [
        ("  values: {}\n", "CFG-SWEEP", "the sweep is empty"),
        ("  kind: points\n  points: []\n", "CFG-SWEEP", "the sweep is empty"),
        ("  kind: points\n  points: [{}]\n", "CFG-SWEEP", "the sweep is empty"),
        ("  values: {method.r: []}\n", "CFG-SWEEP", "list of values of method.r is empty"),
        ("  values: {method.r: [2]}\n  seeds: []\n", "CFG-SWEEP", "list of seeds is empty"),
        ("  values: {method.r: [2, 2]}\n", "CFG-SWEEP", "r=2 is there twice"),
        (
            "  kind: points\n  points: [{method.r: 2}, {method.r: 2}]\n",
            "CFG-SWEEP",
            "r=2 is there twice",
        ),
        (
            f"  values: {{method.r: {TEN}, training.epochs: {TEN}, training.batch_size: {TEN}, "
            f"training.patience: {TEN}}}\n",
            "CFG-SWEEP",
            "the sweep has 10,000 trials, limit 1,000",
        ),
        (
            "  kind: random\n  trials: 3\n  values: {training.learning_rate: [.nan, 0.1]}\n",
            "CFG-SWEEP",
            "one of the values is not finite",
        ),
        ("  values: {name: [a, b]}\n", "CFG-SWEEP", "name cannot be swept"),
        ("  values: {seed: [0, 1]}\n", "CFG-SWEEP", "seeds are no setting to choose"),
        ("  values: {data.splits: [[train, test]]}\n", "CFG-SWEEP", "take data.splits out"),
        ("  values: {method.r: [2]}\n  seeds: [1, 1]\n", "CFG-SWEEP", "a seed is there twice"),
        ("  values: {method.rank: [1]}\n", "CFG-UNKNOWN", "unknown key `rank`"),
        ("  values: {method.r: [2, 0]}\n", "CFG-RANGE", "point r=0: override: method.r"),
        ('  values: {method.r: [2, "4"]}\n', "CFG-TYPE", "wrong type"),
        (
            "  kind: tpe\n  trials: 3\n  values: {method.r: {low: 0, high: 8}}\n",
            "CFG-RANGE",
            "point r=0",
        ),
    ],
)
def test_what_cannot_be_swept_is_refused(planned, section, code, said):
    with pytest.raises(ConfigError, match=said) as refused:
        planned(section)
    assert refused.value.code == code


def test_a_billion_combinations_are_counted_and_not_made(planned):
    keys = ["epochs", "batch_size", "micro_batch_tokens", "patience", "threads", "evaluate_every"]
    values = ", ".join(f"training.{key}: {list(range(1, 41))}" for key in keys)
    with pytest.raises(ConfigError, match="has 4,096,000,000 trials"):
        planned(f"  values: {{{values}}}\n")


@pytest.mark.parametrize(
    "override", ["method.r=4", "method.r.x=4", "seed=4", "method={kind: lora, r: 64}"]
)
def test_what_is_swept_cannot_be_set(sweep_recipe, override):
    recipe = load_recipe(sweep_recipe("  values: {method.r: [2]}\n  seeds: [1]\n", "set"))
    with pytest.raises(ConfigError, match="is both swept and set"):
        check_overrides(recipe, [override])
    check_overrides(recipe, ["method={lora_alpha: 4}", "training.epochs=1"])


def test_a_recipe_without_a_sweep_is_refused(film_recipe):
    with pytest.raises(ConfigError, match="CFG-SWEEP") as caught:
        make_plan(load_recipe(film_recipe))
    (named,) = re.findall(r"loratory sweep ([^`]+)`", caught.value.fix)
    assert named in shipped_recipes()


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if "sweeps/" in name])
def test_every_point_of_a_shipped_sweep_is_a_run(name):
    assert make_plan(load_recipe(name)).trials >= 15


def test_the_instructions_that_are_swept_are_those_of_the_recipes():
    plan = make_plan(load_recipe("sweeps/rotten_tomatoes_instructions"))
    swept = {point["task.template"] for point in plan.points}
    names = [name for name in shipped_recipes() if name.startswith("instructions/")]
    assert swept == {load_recipe(name).task.template for name in names}
