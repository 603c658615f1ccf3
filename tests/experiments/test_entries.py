"""Which runs are one entry, and what entries are called."""

import json

import pytest

from loratory.experiments.entries import (
    differing_settings,
    entry_labels,
    entry_name,
    grouped,
    mean_costs,
)
from loratory.experiments.given_runs import given_runs


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([{"method.r": 4}, {"method.r": 8}], ["r=4", "r=8"]),
        ([{"method.r": 4}, {"method.r": None}], ["one", "two"]),
        ([{"task.template": "w" * 60}, {"task.template": "x"}], ["one", "two"]),
        ([{}, {}], ["one", "two"]),
    ],
)
def test_an_entry_is_called_by_its_settings_where_these_are_few_words(settings, expected):
    assert entry_labels(settings, ["one", "two"]) == expected


def test_no_two_entries_are_called_the_same():
    assert entry_labels([{}, {}, {}], ["run", "run", "other"]) == ["run (1)", "run (2)", "other"]


def test_only_settings_that_differ_count_and_one_that_is_absent_is_none(make_run):
    lora, other = make_run("a", 0.9), make_run("b", 0.9, r=4)
    text = (other / "recipe.yaml").read_text().replace("{kind: lora, r: 4}", "{kind: full}")
    (other / "recipe.yaml").write_text(text)
    found = differing_settings([[run] for run in given_runs([lora, other])])
    assert (found[0]["method.kind"], found[0]["method.r"]) == ("lora", 8)
    assert (found[1]["method.kind"], found[1]["method.r"]) == ("full", None)
    assert not [key for key in found[0] if not key.startswith("method.")]


def test_several_runs_are_called_what_their_names_begin_with_and_cost_their_mean(make_run):
    runs = given_runs([make_run("try-1", 0.9), make_run("try-2", 0.9, seed=1, r=16)])
    assert entry_name(runs) == "try"
    assert mean_costs(runs)["seconds"] == 120.0
    assert entry_name(given_runs([make_run("x", 0.9), make_run("y", 0.8)])) == "x"


def moved(run, folder, digest):
    """Give the run its rows in files of that folder, other trackers and another machine."""
    text = (run / "recipe.yaml").read_text()
    text = text.replace("{name: rotten_tomatoes, ", f"{{train: {folder}/train.csv, ")
    text = text.replace("{epochs: 1", f"{{threads: {len(folder)}, checkpoint_every: 9, epochs: 1")
    (run / "recipe.yaml").write_text(f"{text}track: {{to: [mlflow], folder: {folder}}}\n")
    digests = {"base": "b", "start": run.name, "train data": digest} if digest else {}
    (run / "environment.json").write_text(json.dumps({"digests": digests}))
    return run


@pytest.mark.parametrize(
    ("digests", "entries"),
    [(("d", "d"), [[0, 1]]), (("d", "e"), [[0], [1]]), (("", ""), [[0], [1]])],
)
def test_seeds_are_one_entry_wherever_their_rows_lay_if_these_are_the_same(
    make_run, digests, entries
):
    runs = given_runs(
        [
            moved(make_run("a", 0.9), "here", digests[0]),
            moved(make_run("b", 0.9, seed=1), "elsewhere", digests[1]),
        ]
    )
    assert grouped(runs, each=False) == entries
