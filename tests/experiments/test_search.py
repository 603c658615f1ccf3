"""A search: what it tries, that it keeps its time, and that it says why it chose what it chose."""

import csv
import json
import random

import pytest

from loratory import pipeline
from loratory.errors import ConfigError
from loratory.experiments.candidates import EPOCHS, RATE, methods, more_epochs, other_rates
from loratory.experiments.conclusion import Round, finalists
from loratory.experiments.search import Search, search
from loratory.experiments.sweep import SweepRun
from loratory.experiments.worker import silent
from loratory.recipe.load import load_recipe, recipe_of, varied


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """Return a file of 120 made-up reviews, whose class is said by one word among others."""
    path, chance = tmp_path_factory.mktemp("reviews") / "reviews.csv", random.Random(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "stars"])
        for number in range(120):
            word, stars = chance.choice([("lovely", "many"), ("dull", "few")])
            writer.writerow([f"film {number} is {word}", stars])
    return path


@pytest.fixture(scope="session")
def recipe(reviews, gpt2_folder):
    return recipe_of(
        "reviews",
        {
            "base": str(gpt2_folder),
            "data": {
                "train": str(reviews),
                "text": "review",
                "label": "stars",
                "holdout": {"validation": 0.2, "test": 0.1},
            },
            "training": {"device": "cpu", "threads": 1, "precision": "float32"},
        },
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_search_ends_with_a_recipe_that_trains(recipe, tmp_path):
    found = search(recipe, 120.0, out=tmp_path / "search").result
    best = found["best"]
    assert json.loads((tmp_path / "search" / "result.json").read_text()) == found
    assert {trial["state"] for trial in found["trials"]} >= {"finished"}
    assert best["test"]["rows"] == 12
    assert "accuracy" in best["test"]["metrics"]
    names = [baseline["name"] for baseline in found["baselines"]]
    assert names == ["TF-IDF + logistic regression", "majority class"]
    run = pipeline.train(load_recipe(best["recipe"]), out=tmp_path / "run")
    assert run.result["evaluation"].keys() == {"validation", "test"}
    for trial in found["trials"]:
        if trial["state"] == "finished":
            result = json.loads((tmp_path / trial["run"] / "result.json").read_text())
            assert result["evaluation"].keys() == {"validation"}, "no trial was scored on the test"


def test_a_budget_for_nothing_is_refused(recipe, tmp_path):
    with pytest.raises(ConfigError, match="CFG-BUDGET"):
        search(recipe, 0.01, out=tmp_path / "search")


def test_every_method_is_tried_and_each_point_is_a_run(recipe):
    points = methods(recipe)
    kinds = {point["method"]["kind"] for point in points}
    assert kinds >= {"lora", "head", "bitfit", "ia3", "bottleneck", "prompt", "prefix", "full"}
    for point in [*other_rates(points), *more_epochs(points, 1)]:
        varied(recipe, point)


def test_a_task_without_a_head_has_no_point_that_trains_one():
    points = methods(load_recipe("rotten_tomatoes_words"))
    assert {"kind": "head"} not in [point["method"] for point in points]


def test_points_as_they_are_come_before_their_variants():
    points = [{"method": {"kind": "head"}, RATE: 0.01}, {"method": {"kind": "ia3"}, RATE: 0.02}]
    assert [point[RATE] for point in other_rates(points)] == [0.01, 0.02, 0.005, 0.01, 0.02, 0.04]
    assert [point[EPOCHS] for point in more_epochs(points, 2)] == [2, 2, 4, 4, 6, 6]


def held(name, rows, trials, tmp_path):
    """Return a round of trials (name of a point, value)."""
    told = [
        {"settings": {"p": p}, "value": value, "state": "finished", "run": f"{p}-{name}"}
        for p, value in trials
    ]
    table = [{"settings": {"p": p}, "states": ["finished"]} for p, _ in trials]
    return Round(name, rows, SweepRun(tmp_path, {"table": table, "trials": told}))


def test_finalists_are_ranked_by_their_mean_over_all_seeds(tmp_path):
    rounds = [
        held("rates", 50, [("c", 0.99)], tmp_path),
        held("epochs", 100, [("a", 0.9), ("b", 0.8), ("c", 0.95)], tmp_path),
        held("seeds", 100, [("a", 0.7), ("b", 0.9)], tmp_path),
    ]
    found = finalists(rounds, lower=False)
    assert [one.settings["p"] for one in found] == ["b", "a", "c"]
    assert found[0].value == pytest.approx(0.85)
    assert [one.settings["p"] for one in finalists(rounds, lower=True)] == ["a", "b", "c"]


def test_values_from_other_numbers_of_rows_are_not_averaged(tmp_path):
    rounds = [
        held("rates", 50, [("a", 0.5), ("b", 0.8)], tmp_path),
        held("seeds", 100, [("a", 0.7)], tmp_path),
    ]
    (found,) = finalists(rounds, lower=False)
    assert found.values == [0.7]


def test_three_times_the_epochs_take_three_times_as_long(recipe, tmp_path):
    """Those of a round that names none were the recipe's own."""
    state = Search(varied(recipe, {EPOCHS: 2}), tmp_path, 0.0, silent)
    done = held("rates", 100, [("a", 0.5)], tmp_path)
    for trial in done.run.result["trials"]:
        trial["settings"] = {"method": {"kind": "head"}}
        trial["costs"] = {"seconds": 10.0, "wall_seconds": 12.0}
    state.rounds.append(done)
    assert state._expected({"method": {"kind": "head"}, EPOCHS: 6}, 100) == pytest.approx(32.0)
