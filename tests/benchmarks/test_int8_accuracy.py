"""Accuracy beside an int8 base: the same runs but for the base's format."""

from benchmarks.int8_accuracy import jobs
from loratory.recipe.load import load_recipe


def test_each_seed_is_run_with_each_format_and_nothing_else_differs():
    found = {}
    for name, (recipe, *settings) in jobs(3).items():
        made = load_recipe(recipe, settings)
        found[name] = (made.seed, made.training.precision)
        rest = made.model_dump(exclude={"seed": True, "training": {"precision"}})
        plain = load_recipe(recipe)
        assert rest == plain.model_dump(exclude={"seed": True, "training": {"precision"}})
    assert sorted(found.values()) == [(s, p) for s in range(3) for p in ("float32", "int8")]
    assert all(name.endswith(f"{p}-seed{s}") for name, (s, p) in found.items())
