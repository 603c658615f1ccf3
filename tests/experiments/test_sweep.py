"""A whole sweep: its trials are ordinary runs, and it goes on from wherever it was left."""

import json
import os
import shutil
import signal

import pytest

from loratory import pipeline
from loratory.errors import ConfigError, DataError, ResourceError, RunError, RunInterruptedError
from loratory.experiments.study import Study, planned_of
from loratory.experiments.sweep import Effort, grouped, resume, sweep
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.worker import Sweep
from loratory.inference.materials import KeptMaterials, Materials
from loratory.recipe.load import load_recipe, varied
from loratory.runs.log import read_events

PARTS = ("last", "best", "adapter", "predictions")


def contents(run):
    paths = [path for part in PARTS for path in (run / part).rglob("*") if path.is_file()]
    assert len(paths) > 10
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def test_every_trial_is_bit_for_bit_the_run_that_stands_alone(film_sweep, tmp_path):
    """Though base, rows and tokens are read once for all of them."""
    state = Sweep(SweepFolder.open(film_sweep.path))
    assert len(film_sweep.result["trials"]) == 3
    for number, trial in enumerate(film_sweep.result["trials"]):
        alone = tmp_path / str(number)
        pipeline.train(state.plan.run(trial["settings"], trial["seed"]), out=alone)
        assert contents(alone) == contents(film_sweep.path / trial["run"])


def test_the_result_says_what_each_trial_came_to_and_the_best_is_the_best(film_sweep):
    result = json.loads((film_sweep.path / "result.json").read_text())
    assert result == film_sweep.result
    values = [trial["value"] for trial in result["trials"]]
    for trial, value in zip(result["trials"], values, strict=True):
        run = json.loads((film_sweep.path / trial["run"] / "result.json").read_text())
        assert trial["state"] == "finished"
        assert value == run["evaluation"]["validation"]["metrics"]["accuracy"]
        assert "test" not in run["evaluation"]
    assert result["best"]["value"] == max(values)
    assert [row["value"] for row in result["table"]] == sorted(values, reverse=True)
    assert all(row["group"] for row in result["table"])


def test_both_pictures_are_there(film_sweep):
    for name in ("validation_loss.png", "gradient_flow.png"):
        assert (film_sweep.path / "plots" / name).read_bytes().startswith(b"\x89PNG")


def test_a_finished_sweep_that_is_resumed_does_nothing_twice(film_sweep):
    journal = film_sweep.path / "journal.log"
    logs = {path: path.read_bytes() for path in film_sweep.path.glob("trials/*/log.jsonl")}
    before = [line for line in journal.read_text().splitlines() if '"op_code":0' not in line]
    assert resume(film_sweep.path).result == film_sweep.result
    after = [line for line in journal.read_text().splitlines() if '"op_code":0' not in line]
    assert after == before
    assert all(path.read_bytes() == data for path, data in logs.items())


def test_a_lost_journal_is_made_anew_from_the_runs(film_sweep, tmp_path):
    shutil.copytree(film_sweep.path, tmp_path / "copy")
    (tmp_path / "copy" / "journal.log").unlink()
    again = resume(tmp_path / "copy").result
    assert [trial["value"] for trial in again["trials"]] == [
        trial["value"] for trial in film_sweep.result["trials"]
    ]
    logs = [*(tmp_path / "copy").glob("trials/*/log.jsonl")]
    assert all(event["attempt"] == 1 for log in logs for event in read_events(log))


def test_a_trial_whose_worker_died_before_its_report_gets_it(film_sweep, tmp_path):
    folder = shutil.copytree(film_sweep.path, tmp_path / "copy")
    report = folder / film_sweep.result["trials"][0]["run"] / "report.html"
    report.unlink()
    state = Sweep(SweepFolder.open(folder))
    trial = state.trial(planned_of(state.study.trials()[0]))
    assert trial.run(Materials(), lambda *_: None, lambda: False).state == "finished"
    assert report.is_file()


@pytest.fixture
def pair(sweep_recipe):
    return load_recipe(sweep_recipe("  values: {method.r: [2, 4]}\n", "pair"))


def test_at_the_end_of_the_budget_a_run_is_saved_and_gone_on_with(pair, tmp_path, monkeypatch):
    """Time is up as the second step ends: five seconds pass with each one."""
    clock = [0.0]
    monkeypatch.setattr("loratory.experiments.worker.time.time", lambda: clock[0])
    monkeypatch.setattr("loratory.experiments.sweep.time.time", lambda: clock[0])

    def say(event, /, **_):
        clock[0] += 5.0 * (event == "step")

    first = sweep(pair, out=tmp_path / "sweep", effort=Effort(budget=9.0), say=say)
    assert [trial["state"] for trial in first.result["trials"]] == ["unfinished", "waiting"]
    assert first.best is None
    assert any("were stopped on the way" in note for note in first.result["notes"])
    log = tmp_path / "sweep" / first.result["trials"][0]["run"] / "log.jsonl"
    assert max(event["step"] for event in read_events(log) if event["event"] == "step") == 2
    second = resume(tmp_path / "sweep", effort=Effort(trials=1)).result
    assert [trial["state"] for trial in second["trials"]] == ["finished", "waiting"]
    steps = [event["step"] for event in read_events(log) if event["event"] == "step"]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_trial_that_would_not_fit_into_the_budget_is_not_begun(pair, tmp_path, monkeypatch):
    monkeypatch.setattr("loratory.experiments.worker._longest_seconds", lambda _: 1e6)
    done = sweep(pair, out=tmp_path / "sweep", effort=Effort(budget=1000.0))
    assert [trial["state"] for trial in done.result["trials"]] == ["waiting", "waiting"]


def test_a_point_that_fails_does_not_keep_the_others_from_it(sweep_recipe, tmp_path):
    """Of the first point alone all is known before the sweep begins."""
    recipe = load_recipe(sweep_recipe("  values: {method.r: [2, 999]}\n", "failing"))
    first, second = sweep(recipe, out=tmp_path / "sweep").result["trials"]
    assert (first["state"], second["state"]) == ("finished", "failed")
    assert "CFG-RANGE" in second["problem"]


def test_rows_that_one_points_settings_cannot_take_fail_that_point_alone(sweep_recipe, tmp_path):
    values = "  values: {task.max_length: [64, 4]}\n"
    recipe = load_recipe(sweep_recipe(values, "short"), {"task.too_long": "refuse"})
    first, second = sweep(recipe, out=tmp_path / "sweep").result["trials"]
    assert (first["state"], second["state"]) == ("finished", "failed")
    assert "DATA-TRUNC" in second["problem"]


def test_too_little_memory_for_one_point_is_that_points_and_a_full_disk_is_the_sweeps(
    pair, tmp_path, monkeypatch
):
    def refuse(code):
        def fails(*_, **__):
            raise ResourceError(code, "there is too little", fix="make room")

        monkeypatch.setattr(pipeline, "train", fails)

    refuse("RES-DISK")
    with pytest.raises(ResourceError):
        sweep(pair, out=tmp_path / "sweep")
    refuse("RES-MEM")
    trials = resume(tmp_path / "sweep").result["trials"]
    assert [trial["state"] for trial in trials] == ["failed", "failed"]


def test_a_missing_file_ends_the_sweep_if_it_is_everyones_and_else_its_point_is_tried_again(
    sweep_recipe, films, tmp_path, monkeypatch
):
    """Paths are those of the folder that the sweep was begun in."""
    monkeypatch.chdir(tmp_path)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    shutil.copy(films / "train.csv", first)
    values = "  values: {data.train: [first.csv, second.csv]}\n"
    begun = sweep(load_recipe(sweep_recipe(values, "missing")), out=tmp_path / "sweep").result
    assert [trial["state"] for trial in begun["trials"]] == ["finished", "failed"]
    assert "DATA-FILE" in begun["trials"][1]["problem"]
    monkeypatch.chdir(tmp_path.parent)
    first.rename(second)
    with pytest.raises(DataError, match=r"DATA-FILE.+first\.csv"):
        resume(tmp_path / "sweep")
    shutil.copy(second, first)
    trials = resume(tmp_path / "sweep").result["trials"]
    assert [trial["state"] for trial in trials] == ["finished", "finished"]


def test_a_signal_as_a_trial_is_given_up_ends_the_sweep_once_that_is_told(
    pair, tmp_path, monkeypatch
):
    monkeypatch.setattr(Study, "report", lambda *_: True)

    def interrupt(event, /, **_):
        if event == "evaluation":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterruptedError, match="--resume"):
        sweep(pair, out=tmp_path / "sweep", say=interrupt)
    result = json.loads((tmp_path / "sweep" / "result.json").read_text())
    assert [trial["state"] for trial in result["trials"]] == ["pruned", "waiting"]


def test_what_is_wrong_for_every_trial_is_found_before_a_folder_is_made(pair, tmp_path):
    data = pair.data.model_copy(update={"validation": None})
    with pytest.raises(DataError, match="DATA-SPLIT"):
        sweep(pair.model_copy(update={"data": data}), out=tmp_path / "sweep")
    section = pair.sweep.model_copy(update={"metric": "bleu_1"})
    with pytest.raises(ConfigError, match=r"sweep\.metric"):
        sweep(pair.model_copy(update={"sweep": section}), out=tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


def test_a_folder_that_is_no_sweep_is_refused(film_run, tmp_path):
    for path in (film_run, tmp_path / "none"):
        with pytest.raises(RunError, match="RUN-FOLDER"):
            resume(path)


def test_a_folder_that_cannot_be_written_is_refused(film_sweep, tmp_path):
    shutil.copytree(film_sweep.path, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / ".claims")
    (tmp_path / "copy" / ".claims").write_text("in the way")
    with pytest.raises(RunError, match="RUN-IO"):
        resume(tmp_path / "copy")


def test_a_recipe_with_a_sweep_is_no_run(pair, tmp_path):
    with pytest.raises(ConfigError, match="CFG-SWEEP"):
        pipeline.train(pair, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_was_read_here_is_freed_before_workers_read_their_own(pair, tmp_path, monkeypatch):
    kept, held = KeptMaterials(), []

    def look(*_):
        held.extend([*kept._bases, *kept._rows])

    monkeypatch.setattr("loratory.experiments.sweep.work_in_processes", look)
    sweep(pair, out=tmp_path / "sweep", effort=Effort(workers=2), materials=kept)
    assert not held


def test_runs_of_a_sweep_are_a_group_that_has_its_name(pair, tmp_path):
    done = sweep(pair, out=tmp_path / "ranks", effort=Effort(trials=1))
    run = done.path / done.result["trials"][0]["run"]
    assert load_recipe(run / "recipe.yaml").track.group == "ranks"


def test_a_group_keeps_its_own_name_and_is_no_longer_than_trackers_take(pair):
    assert grouped(varied(pair, {"track.group": "mine"}), "ranks").track.group == "mine"
    assert grouped(pair, "n" * 200).track.group == "n" * 128
