"""A search: what it tries, that it keeps its time, and that it says why it chose what it chose."""

import csv
import json
import random
from itertools import count
from pathlib import Path

import pytest

from loratory import pipeline
from loratory.errors import ConfigError, RunError
from loratory.experiments.candidates import EPOCHS, RATE, methods, more_epochs, other_rates
from loratory.experiments.conclusion import SEEDS, Round, _of_finalists, finalists
from loratory.experiments.search import Search, _rounds, resume, search
from loratory.experiments.search_folder import Begun, Progress, SearchFolder
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
            group = load_recipe(tmp_path / trial["run"] / "recipe.yaml").track.group
            assert group == "search"
    assert load_recipe(best["recipe"]).track.group is None


class KilledError(Exception):
    """Ends a search in the middle of a round."""


def dies_at_step(number):
    """Return a listener that ends the search at the step of this number, counted over all runs."""
    steps = count(1)

    def say(event, /, **_):
        if event == "step" and next(steps) == number:
            raise KilledError

    return say


def told(found):
    trials = [{**trial, "costs": None, "run": Path(trial["run"]).name} for trial in found["trials"]]
    best = {**found["best"], "runs": None, "recipe": None}
    return best, found["baselines"], found["reasons"], trials


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_search_that_is_killed_goes_on_to_the_end_of_one_that_is_not(
    recipe, tmp_path, monkeypatch
):
    """With time for everything, what is tried follows from the rows alone."""
    head = [{"method": {"kind": "head"}, RATE: 0.01}]
    for name, fewer in (
        ("methods", lambda _: head),
        ("other_rates", lambda points: other_rates(points)[:2]),
        ("more_epochs", lambda points, epochs: more_epochs(points, epochs)[:2]),
        ("_SEEDS", 2),
    ):
        monkeypatch.setattr(f"loratory.experiments.search.{name}", fewer)
    recipe = varied(recipe, {EPOCHS: 1})
    steps = []
    undisturbed = search(
        recipe, 1e6, out=tmp_path / "whole", say=lambda event, **_: steps.append(event)
    ).result
    in_all = steps.count("step")
    killed = tmp_path / "killed"
    with pytest.raises(KilledError):
        search(recipe, 1e6, out=killed, say=dies_at_step(in_all // 4))
    spent = Progress.read(killed / "search.json").spent
    with pytest.raises(KilledError):
        resume(killed, say=dies_at_step(in_all // 3))
    found = resume(killed).result
    assert told(found) == told(undisturbed)
    assert found["seconds"] > spent
    assert resume(killed).result == json.loads((killed / "result.json").read_text())


def test_a_folder_that_is_no_search_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match="RUN-FOLDER"):
            resume(path)


def test_a_round_that_was_left_out_stays_so_and_one_before_another_is_read(recipe, tmp_path):
    state = under_way(recipe, tmp_path)
    state.progress.rounds = (Begun("methods", 20, 9.0), Begun("epochs", 40, 30.0))
    (tmp_path / "1-methods").mkdir()
    (tmp_path / "1-methods" / "result.json").write_text('{"table": [], "trials": []}')
    state.run("methods", [], 20, [0])
    state.run("rates", methods(recipe), 30, [0])
    assert [held.name for held in state.rounds] == ["methods"]
    assert state.rounds[0].run.result == {"table": [], "trials": []}


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


def test_a_method_that_trains_nothing_is_not_tried():
    asked = load_recipe("rotten_tomatoes_words", {"method": None, "method.kind": "none"})
    kinds = {point["method"]["kind"] for point in methods(asked)}
    assert "lora" in kinds
    assert "none" not in kinds


def test_the_method_that_a_recipe_names_is_tried_first_and_every_point_once(recipe):
    shipped = methods(recipe)
    own = {"method": {"kind": "lora", "r": 3}, RATE: 0.0005}
    named = methods(varied(recipe, {"method": {"r": 3}, RATE: 0.0005}))
    assert named == [own, *shipped]
    (head,) = [point for point in shipped if point["method"] == {"kind": "head"}]
    again = methods(varied(recipe, head))
    assert again[0] == head
    assert len(again) == len(shipped)
    rates = [point[RATE] for point in other_rates([{**own, RATE: rate} for rate in (0.001, 0.002)])]
    assert rates == [0.001, 0.002, 0.0005, 0.004]


def test_points_as_they_are_come_before_their_variants():
    points = [{"method": {"kind": "head"}, RATE: 0.01}, {"method": {"kind": "ia3"}, RATE: 0.02}]
    assert [point[RATE] for point in other_rates(points)] == [0.01, 0.02, 0.005, 0.01, 0.02, 0.04]
    assert [point[EPOCHS] for point in more_epochs(points, 2)] == [2, 2, 4, 4, 6, 6]


def held(name, rows, trials, tmp_path, seed=0):
    """Return a round of trials (name of a point, value); one without a value is still to come."""
    told = [
        {
            "settings": {"p": p},
            "seed": seed,
            "value": value,
            "state": "waiting" if value is None else "finished",
            "run": f"{p}-{name}",
        }
        for p, value in trials
    ]
    table = [{"settings": one["settings"], "states": [one["state"]]} for one in told]
    return Round(name, rows, SweepRun(tmp_path, {"table": table, "trials": told}))


def test_finalists_are_ranked_by_their_mean_over_all_seeds(tmp_path):
    rounds = [
        held("rates", 50, [("c", 0.99)], tmp_path),
        held("epochs", 100, [("a", 0.9), ("b", 0.8), ("c", 0.95)], tmp_path),
        held("seeds", 100, [("a", 0.7), ("b", 0.9)], tmp_path, seed=1),
    ]
    found = finalists(rounds, lower=False)
    assert [one.settings["p"] for one in found] == ["b", "a", "c"]
    assert found[0].value == pytest.approx(0.85)
    assert [one.settings["p"] for one in finalists(rounds, lower=True)] == ["a", "b", "c"]


def test_a_finalist_that_time_did_not_suffice_for_is_compared_on_the_seed_that_both_have(tmp_path):
    rounds = [
        held("epochs", 100, [("a", 0.8), ("b", 0.9), ("c", 0.7)], tmp_path),
        held(SEEDS, 100, [("a", 0.95), ("b", None)], tmp_path, seed=1),
    ]
    found = finalists(rounds, lower=False)
    assert [one.settings["p"] for one in found] == ["b", "a", "c"]
    assert any("1, 2, 1 seeds" in reason for reason in _of_finalists(found, "accuracy", None))


def under_way(recipe, folder):
    return Search(recipe, SearchFolder(folder), Progress(folder / "search.json", 60.0), silent)


def test_values_from_other_numbers_of_rows_are_not_averaged(tmp_path):
    rounds = [
        held("rates", 50, [("a", 0.5), ("b", 0.8)], tmp_path),
        held("seeds", 100, [("a", 0.7)], tmp_path, seed=1),
    ]
    (found,) = finalists(rounds, lower=False)
    assert found.by_seed == {1: 0.7}


@pytest.mark.parametrize(("left", "seeds"), [(60.0, [1, 2]), (30.0, [1]), (20.0, None)])
def test_all_finalists_have_further_seeds_as_many_as_there_is_time_for(
    recipe, tmp_path, monkeypatch, left, seeds
):
    begun = []

    def swept(recipe, **_):
        begun.append(recipe.sweep)
        return SweepRun(tmp_path, {"table": [], "trials": []})

    monkeypatch.setattr("loratory.experiments.search.sweep", swept)
    monkeypatch.setattr(Search, "_expected", lambda *_: 13.0)
    monkeypatch.setattr("loratory.experiments.search._SHARES", (1.0,))
    state = under_way(recipe, tmp_path)
    state.progress = Progress(tmp_path / "search.json", left)
    state.run(SEEDS, methods(recipe)[:2], 50, [1, 2])
    assert [(len(one.points), [*one.seeds]) for one in begun] == ([(2, seeds)] if seeds else [])


def test_three_times_the_epochs_take_three_times_as_long(recipe, tmp_path):
    """Those of a round that names none were the recipe's own."""
    state = under_way(varied(recipe, {EPOCHS: 2}), tmp_path)
    done = held("rates", 100, [("a", 0.5)], tmp_path)
    for trial in done.run.result["trials"]:
        trial["settings"] = {"method": {"kind": "head"}}
        trial["costs"] = {"seconds": 10.0, "wall_seconds": 12.0}
    state.rounds.append(done)
    assert state._expected({"method": {"kind": "head"}, EPOCHS: 6}, 100) == pytest.approx(32.0)


def test_a_run_whose_whole_time_was_never_told_took_its_training(recipe, tmp_path):
    state = under_way(varied(recipe, {EPOCHS: 2}), tmp_path)
    state.rounds.append(held("rates", 100, [("a", 0.5)], tmp_path))
    (trial,) = state.rounds[0].run.result["trials"]
    trial["settings"] = {"method": {"kind": "head"}}
    for whole in (None, 4.0):
        trial["costs"] = {"seconds": 10.0, "wall_seconds": whole}
        assert state._expected(trial["settings"], 100) == 10.0


def test_further_seeds_are_seeds(recipe, tmp_path):
    state, seeds = under_way(varied(recipe, {"seed": 2**32 - 1}), tmp_path), []
    state.run = lambda *given: seeds.extend(given[-1])
    _rounds(state, 100)
    assert all(seed < 2**32 for seed in seeds)
    assert len({*seeds}) == 3
