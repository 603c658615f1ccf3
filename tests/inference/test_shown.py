"""Prompted runs: a folder like any other, and the rows that were shown are kept in it."""

import shutil

import pytest

from loratory import pipeline
from loratory.inference.shown import unread_notes
from loratory.inference.tuned import load_run
from loratory.metrics.predictions import read_predictions
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Recipe
from loratory.runs.json_files import read_json, write_json
from loratory.runs.log import read_events


def prompted(film_recipe, folder, out, kind, k=2):
    overrides = {
        "base": str(folder),
        "task": {"kind": "label_words", "words": ["the", "and"], "template": "{text}:"},
        "method": {"kind": "prompting", "examples": {"kind": kind, "k": k}},
    }
    return pipeline.train(load_recipe(film_recipe, overrides), out=out)


@pytest.fixture(scope="module")
def folder(llama_folder, tmp_path_factory):
    """Return a base that reads longer texts; its positions are no weights."""
    folder = shutil.copytree(llama_folder, tmp_path_factory.mktemp("long") / "llama")
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", config | {"max_position_embeddings": 256})
    return folder


@pytest.fixture(scope="module", params=["seed", "balanced", "similar"])
def run(request, film_recipe, folder, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param) / "run"
    return prompted(film_recipe, folder, out, request.param)


def test_a_prompted_run_has_predictions_statistics_and_baselines_like_any_other(run, film_run):
    tuned = read_json(film_run / "result.json")
    assert run.result.keys() == tuned.keys()
    assert (run.result["steps"], run.result["trainable_parameters"]) == (0, 0)
    assert run.result["rows"] == tuned["rows"]
    for split in ("validation", "test"):
        lines = [
            read_predictions(p / "predictions" / f"{split}.jsonl") for p in (run.path, film_run)
        ]
        assert [line.id for line in lines[0]] == [line.id for line in lines[1]]
        ours, theirs = (found["baselines"][split] for found in (run.result, tuned))
        assert ours == [one for one in theirs if one["name"] != "untuned base"]
        assert run.result["evaluation"][split]["tokens"] > 0
    assert (run.path / "report.html").is_file()


def test_what_was_shown_is_kept_and_is_of_the_training_rows_alone(run):
    kept = read_json(run.path / "shown.json")
    ids = {row["id"] for row in kept["rows"]}
    assert all(name.startswith("train/") for name in ids)
    for split in ("validation", "test"):
        lines = read_predictions(run.path / "predictions" / f"{split}.jsonl")
        before = kept["before"][split]
        assert before.keys() == {line.id for line in lines}
        assert all(len(shown) == 2 and set(shown) <= ids for shown in before.values())


def test_a_loaded_run_answers_as_it_did_without_the_training_rows(run):
    lines = read_predictions(run.path / "predictions" / "test.jsonl")
    again = load_run(run.path).predict([line.text for line in lines])
    for one, other in zip(lines, again, strict=True):
        assert one.prediction == other.prediction
        assert [*one.scores.values()] == pytest.approx([*other.scores.values()], abs=1e-6)


def test_settings_that_nothing_reads_are_said(run):
    (said,) = [e["message"] for e in read_events(run.path / "log.jsonl") if e["event"] == "warning"]
    assert said.startswith("method prompting trains nothing, so nothing reads training.")
    assert "training.epochs" in said
    assert "training.device" not in said


def test_nothing_is_said_where_nothing_is_set():
    given = {"base": "none", "task": {"kind": "label_words"}, "data": {"train": "a.csv"}}
    assert unread_notes(Recipe.model_validate(given | {"method": {"kind": "prompting"}})) == ()
    trains = Recipe.model_validate(given | {"training": {"epochs": 5}})
    assert unread_notes(trains) == ()


def test_without_examples_nothing_is_kept(film_recipe, folder, tmp_path):
    run = prompted(film_recipe, folder, tmp_path / "run", "seed", k=0)
    assert not (run.path / "shown.json").exists()
