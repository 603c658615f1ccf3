"""Methods on equal terms: what is run, and what the tables say of it."""

import json

import pytest

from benchmarks.equal_footing import FOLDER, SETS, jobs, tables
from loratory.recipe.load import load_recipe

RECIPES = {job.method: load_recipe(f"methods/{job.method}") for job in jobs(1)}


def test_every_method_is_run_on_each_set_with_each_seed():
    found = jobs(3)
    assert len({job.name for job in found}) == len(found) == len(RECIPES) * len(SETS) * 3
    # Seed by seed, so that a table of the first seeds is complete when the rest is not.
    assert [job.seed for job in found] == sorted(job.seed for job in found)
    kinds = {recipe.method.kind for recipe in RECIPES.values()}
    assert kinds == {"lora", "full", "bitfit", "bottleneck", "ia3", "prompt", "prefix", "head"}


def test_the_recipes_differ_in_method_and_learning_rate_alone():
    dumps = []
    for recipe in RECIPES.values():
        dump = recipe.model_dump(exclude={"name", "method"})
        del dump["training"]["learning_rate"]
        dumps.append(dump)
    assert all(dump == dumps[0] for dump in dumps)
    assert dumps[0]["training"]["epochs"] == 1


@pytest.fixture
def kept(tmp_path):
    def keep(data, method, seed, accuracy):
        metrics = {"accuracy": accuracy, "matthews_correlation": accuracy / 2}
        result = {
            "metrics": metrics,
            "intervals": {name: [value - 0.1, value + 0.1] for name, value in metrics.items()},
            "rows": {"train": 1000, "validation": 500},
            "base": "tiny",
            "seed": seed,
            "trainable_parameters": 12_345,
            "adapter_bytes": 2_500_000,
            "peak_memory_mb": 900 + seed,
            "seconds": 60 + seed,
        }
        compute = {"device": "cpu", "threads": 2, "precision": "float32"}
        recipe = {"training": {"epochs": 1}}
        summary = {"recipe": recipe, "result": result, "environment": {"compute": compute}}
        (tmp_path / f"{data}-{method}-seed{seed}.json").write_text(json.dumps(summary))

    keep("rotten_tomatoes", "head", 0, 0.5)
    for seed, accuracy in enumerate((0.8, 0.9)):
        keep("rotten_tomatoes", "lora", seed, accuracy)
    keep("cola", "lora", 0, 0.7)
    return tmp_path


def test_a_table_has_the_best_method_first_with_its_seeds_and_costs(kept):
    text = tables(kept)
    films, cola = text.split("### cola")
    rows = [line.strip("| ").split(" | ") for line in films.splitlines() if line.startswith("|")]
    assert [row[0] for row in rows[2:]] == ["lora", "head"]
    seeds = "0: 0.800 [0.700, 0.900], 1: 0.900 [0.800, 1.000]"
    assert rows[2][1:] == ["accuracy", "0.850 ± 0.071", seeds, "12,345", "2.50", "901", "60"]
    assert "1,000 training rows, 1 epoch(s), scored on 500 validation" in films
    assert "cpu, 2 thread(s), float32" in films
    assert "| lora | matthews_correlation | 0.350 |" in cola


def test_nothing_kept_is_no_table(tmp_path):
    assert tables(tmp_path) == ""


def test_what_is_kept_is_of_these_runs():
    names = {job.name for job in jobs(3)}
    assert {path.stem for path in FOLDER.glob("*.json")} <= names
