"""Prompting beside tuning: what is run, and what the tables say of it."""

import json

import pytest

from benchmarks.prompting_table import CASES, PROBLEMS, REVIEWS, jobs, section, tables
from loratory.recipe.load import load_recipe


def test_every_case_is_a_recipe_that_loads_and_no_two_are_the_same():
    dumps = [load_recipe(case.recipe, case.settings).model_dump_json() for case in CASES]
    assert len(set(dumps)) == len(dumps)


def test_the_seeds_of_a_case_are_run_where_they_change_something():
    found = jobs(3)
    assert len({job.name for job in found}) == len(found)
    assert [job.seed for job in found] == sorted(job.seed for job in found)
    times = [sum(job.case == case for job in found) for case in CASES]
    assert times == [1 if case.once else 3 for case in CASES]


@pytest.mark.parametrize("data", [REVIEWS, PROBLEMS])
def test_all_cases_of_a_set_are_asked_the_same_rows(data):
    recipes = [load_recipe(case.recipe, case.settings) for case in CASES if case.data == data]
    assert len({recipe.data.model_dump_json() for recipe in recipes}) == 1
    assert {recipe.method.kind for recipe in recipes} == {"prompting", "lora"}


@pytest.fixture
def kept(tmp_path):
    def keep(name, kind, accuracy, seed=0, k=8):
        metrics = {"accuracy": accuracy} | ({"answered": 0.75} if PROBLEMS in name else {})
        part = {"metrics": metrics, "rows": 200, "cut": 30, "seconds": 12}
        result = {
            "metrics": metrics,
            "intervals": {"accuracy": [accuracy - 0.1, accuracy + 0.1]},
            "rows": {"train": 2000, "test": 200},
            "split": "test",
            "evaluation": {"test": part},
            "base": "tiny",
            "seed": seed,
            "seconds": 60,
        }
        method = {"kind": kind} | ({"examples": {"k": k}} if kind == "prompting" else {})
        compute = {"device": "cpu", "precision": "float32"}
        environment = {"compute": compute, "processor": "small", "gpu": None}
        summary = {"recipe": {"method": method}, "result": result, "environment": environment}
        (tmp_path / f"{name}-seed{seed}.json").write_text(json.dumps(summary))

    for seed, accuracy in enumerate((0.5, 0.75)):
        keep("rotten_tomatoes-8-by-seed", "prompting", accuracy, seed)
    keep("rotten_tomatoes-tuned-lora", "lora", 0.9)
    keep("word_problems-tuned-on-answers-lora", "lora", 0.25)
    return tmp_path


def test_a_table_has_a_row_for_each_case_that_was_run(kept):
    lines = tables(kept).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    assert [
        "8 by seed",
        "8",
        "0.625 ± 0.177",
        "0: 0.500 [0.400, 0.600], 1: 0.750 [0.650, 0.850]",
        "",
        "",
        "60",
        "12",
    ] in rows
    assert ["tuned on answers (LoRA)", "0", "0.250"] in [row[:3] for row in rows]
    assert [row[4:6] for row in rows if row[0].startswith("tuned on")] == [["0.250", "0.150"]]
    assert "tiny, 2,000 training rows, scored on 200 test rows; small, float32." in lines


def test_without_runs_there_is_no_section(kept, tmp_path):
    assert section(kept).startswith("## Prompting beside tuning")
    assert section(tmp_path / "none") == ""
