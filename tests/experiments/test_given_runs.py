"""The runs of a comparison: their settings, their metric, and texts in other tokens."""

import json
import shutil

import pytest

from loratory.errors import RunError
from loratory.experiments.given_runs import common_metric, given_runs, metric_sums, same_rows
from loratory.metrics.predictions import Prediction, write_predictions


def of_text(run, tokens):
    """Make the run one of plain text, whose rows have so many tokens."""
    text = (run / "recipe.yaml").read_text()
    text = text.replace("{kind: classify, labels: [negative, positive]}", "{kind: text}")
    (run / "recipe.yaml").write_text(text.replace("name: rotten_tomatoes", "train: a.txt"))
    result = json.loads((run / "result.json").read_text())
    changed = result | {"task": "text", "labels": [], "main_metric": "perplexity"}
    (run / "result.json").write_text(json.dumps(changed))
    scores = {"nats": 30.0, "tokens": tokens, "bytes": 40.0}
    lines = [Prediction(f"t/{n}", "a text", None, "", scores) for n in range(5)]
    write_predictions(run / "predictions" / "test.jsonl", lines)
    return run


def test_perplexities_of_other_tokens_are_refused_and_bits_per_byte_are_not(make_run):
    runs = given_runs([of_text(make_run("a", 0.9), 10.0), of_text(make_run("b", 0.9), 12.0)])
    lines = same_rows(runs, "test")
    assert common_metric(runs, None) == "perplexity"
    with pytest.raises(RunError, match=r"RUN-MISMATCH.*different ones") as error:
        metric_sums(runs, lines, "perplexity")
    assert error.value.at == f"{runs[0].path} and {runs[1].path}"
    assert "bits_per_byte" in error.value.fix
    assert len(metric_sums(runs, lines, "bits_per_byte")) == 2


def test_runs_that_choose_among_other_labels_are_refused(make_run):
    runs = [make_run("a", 0.9), make_run("b", 0.9)]
    result = json.loads((runs[1] / "result.json").read_text())
    swapped = result | {"labels": result["labels"][::-1]}
    (runs[1] / "result.json").write_text(json.dumps(swapped))
    with pytest.raises(RunError, match="different labels"):
        given_runs(runs)


def test_the_settings_are_all_but_name_and_seed(make_run):
    (run,) = given_runs([make_run("a", 0.9, seed=3)])
    assert run.settings["method.r"] == 8
    assert run.settings["data.limit.train"] == 60
    assert not {"name", "seed"} & run.settings.keys()


def test_a_sweeps_folder_stands_for_its_finished_trials(film_sweep, tmp_path):
    folder = shutil.copytree(film_sweep.path, tmp_path / "copy")
    first, *others = sorted((folder / "trials").iterdir())
    assert [run.path for run in given_runs([folder])] == [first, *others]
    (first / "result.json").unlink()
    result = json.loads((folder / "result.json").read_text())
    told = [{**trial, "state": "pruned"} for trial in result["trials"]]
    (folder / "result.json").write_text(json.dumps({"trials": told}))
    assert [run.path for run in given_runs([folder])] == others
    with pytest.raises(RunError, match=r"RUN-UNFINISHED.*pruned") as error:
        given_runs([first, *others])
    assert str(folder) in error.value.fix
    assert "train --resume" not in error.value.fix
    for run in others:
        shutil.rmtree(run)
    with pytest.raises(RunError, match="no trial of the sweep has finished"):
        given_runs([folder])
