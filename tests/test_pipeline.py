"""A run from recipe to report: what it leaves, what it says of itself, and how it goes on."""

import json
import os
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file

from loratory import pipeline
from loratory.errors import ConfigError, ModelError, RunError, RunInterruptedError
from loratory.models.network import Network
from loratory.recipe.load import load_recipe
from loratory.runs.folder import RunFolder
from loratory.runs.lock import owned
from loratory.runs.log import read_events

PARTS = ("last", "best", "adapter", "predictions")
FILES = {"recipe.yaml", "environment.json", "log.jsonl", "result.json", "report.html", "plots"}
FILES |= {"dynamics.jsonl", "examples.csv", "settled.json"}


class CrashError(Exception):
    """What a watcher raises in the middle of a run."""


def contents(run):
    """Return the bytes of everything that a resumed run must have in common with another."""
    paths = [path for part in PARTS for path in (run / part).rglob("*") if path.is_file()]
    paths += [run / name for name in ("dynamics.jsonl", "examples.csv", "settled.json")]
    assert len(paths) > 10
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def result_of(run):
    return json.loads((run / "result.json").read_text())


def watch_for(number, name, action):
    """Return a watcher that acts on the event called `name` when it comes that often."""
    seen = []

    def watch(event, _values):
        seen.append(event)
        if event == name and seen.count(name) == number:
            action()

    return watch


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def crash():
    raise CrashError


@pytest.fixture(scope="module")
def stopped_run(film_recipe, tmp_path_factory):
    """Return the folder of a run that was asked to stop after its third step."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(RunInterruptedError) as stopped:
        pipeline.train(load_recipe(film_recipe), out=out, watch=watch_for(3, "step", interrupt))
    assert stopped.value.fix == f"go on with `loratory train --resume {out}`"
    assert "after step 3 of 12" in stopped.value.headline
    assert stopped.value.exit_code == 130
    return out


@pytest.fixture
def stopped(stopped_run, tmp_path):
    return shutil.copytree(stopped_run, tmp_path / "run")


def test_a_run_folder_holds_what_it_should(film_run):
    assert {path.name for path in film_run.iterdir()} - {".lock"} == FILES | {*PARTS}
    names = {path.name for path in (film_run / "predictions").iterdir()}
    assert names == {"validation.jsonl", "test.jsonl"}
    assert len(list((film_run / "plots").glob("*.png"))) > 4


def test_nothing_in_a_run_folder_is_a_pickle(film_run):
    endings = {path.suffix for path in film_run.rglob("*") if path.is_file()} - {""}
    assert endings == {".csv", ".yaml", ".json", ".jsonl", ".html", ".png", ".safetensors"}


def test_the_adapter_holds_the_best_weights(film_run):
    state = json.loads((film_run / "best" / "state.json").read_text())
    assert state["step"] == state["best_step"] == result_of(film_run)["best_step"]
    assert state["step"] < 12, "this run cannot tell best from last"
    best = load_file(film_run / "best" / "trained.safetensors")
    adapter = load_file(film_run / "adapter" / "adapter_model.safetensors")
    prefix = "base_model.model."
    kept = {name.removeprefix(prefix).replace(".weight", ""): t for name, t in adapter.items()}
    assert len(best) == len(kept)
    for name, tensor in best.items():
        assert tensor.equal(kept[name.replace(".weight", "")])


def test_the_report_names_the_numbers_of_the_result(film_run):
    page, result = (film_run / "report.html").read_text(), result_of(film_run)
    assert f"{result['metrics']['accuracy'] * 100:.1f}" in page
    assert f"{result['trainable_parameters']:,}" in page
    assert "negative" in page
    assert 'src="http' not in page


@pytest.mark.parametrize("stage", [(3, "checkpoint"), (1, "stop")], ids=["saving", "scoring"])
def test_a_crash_leaves_no_trace_in_what_comes_out(film_recipe, film_run, tmp_path, stage):
    out = tmp_path / "run"
    with pytest.raises(CrashError):
        pipeline.train(load_recipe(film_recipe), out=out, watch=watch_for(*stage, crash))
    assert not (out / "result.json").exists()
    run = pipeline.resume(out)
    assert contents(out) == contents(film_run)
    whole = result_of(film_run)
    for name in ("metrics", "intervals", "best_step", "steps", "selected_on", "train_tokens"):
        assert run.result[name] == whole[name]
    steps = [e["step"] for e in read_events(out / "log.jsonl") if e["event"] == "step"]
    assert steps == list(range(1, 13))
    assert run.result["evaluation"]["validation"]["loss"] is not None


def test_a_stopped_run_has_a_report_that_says_how_to_go_on(stopped):
    page = (stopped / "report.html").read_text()
    assert "the run has not come to its end" in page
    assert "loratory train --resume" in page


def test_a_report_that_cannot_be_written_does_not_hide_the_stop(film_recipe, tmp_path):
    out, told = tmp_path / "run", []

    def watch(event, values):
        if event == "step" and values["step"] == 2:
            (out / "plots").rmdir()
            (out / "plots").write_text("not a folder")
            interrupt()
        told.append((event, values.get("message", "")))

    with pytest.raises(RunInterruptedError):
        pipeline.train(load_recipe(film_recipe), out=out, watch=watch)
    assert told[-1][0] == "warning"
    assert told[-1][1].startswith("there is no report of the run so far: ")


def test_a_report_of_a_stop_is_not_taken_for_the_last_one(stopped):
    with pytest.raises(CrashError):
        pipeline.resume(stopped, watch=watch_for(1, "step", crash))
    assert not (stopped / "report.html").exists()


def test_stopped_by_a_signal_it_goes_on_to_the_same_bytes(stopped, film_run):
    run = pipeline.resume(stopped)
    assert run.result["stopped"] == "finished"
    assert contents(stopped) == contents(film_run)


def test_resuming_a_finished_run_returns_its_result_and_changes_nothing(film_run):
    def stamps():
        return {path: path.stat().st_mtime_ns for path in film_run.rglob("*") if path.is_file()}

    before = stamps()
    run = pipeline.resume(film_run)
    assert (run.path, run.result) == (film_run, result_of(film_run))
    before.pop(film_run / ".lock")
    assert before.items() <= stamps().items()


def test_a_run_that_was_killed_before_its_report_gets_it(film_run, tmp_path):
    run = shutil.copytree(film_run, tmp_path / "run")
    (run / "report.html").unlink()
    assert pipeline.resume(run).result == result_of(film_run)
    assert "negative" in (run / "report.html").read_text()


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("seed: 0", "seed: 1", "seed"),
        ("batch_size: 4", "batch_size: 8", "training.batch_size"),
        ("epochs: 2", "epochs: 3", "training.epochs"),
        ("r: 4", "r: 2", "method.r"),
        ("lora_dropout: 0.1", "lora_dropout: 0.2", "method.lora_dropout"),
    ],
)
def test_a_changed_setting_is_not_resumed(stopped, old, new, name):
    text = (stopped / "recipe.yaml").read_text()
    assert text.count(f"{old}\n") == 1
    (stopped / "recipe.yaml").write_text(text.replace(f"{old}\n", f"{new}\n"))
    before, after = old.split(": ")[1], new.split(": ")[1]
    words = rf"RUN-MISMATCH.*the {name} is not .*recipe.yaml, got {after}, expected {before}"
    with pytest.raises(RunError, match=words) as caught:
        pipeline.resume(stopped)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_changed_data_is_not_resumed(stopped, films, tmp_path, split):
    moved = shutil.copytree(films, tmp_path / "films")
    recipe = stopped / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(str(films), str(moved)))
    path = moved / f"{split}.csv"
    path.write_text(path.read_text().replace(f"{split}3,", f"{split}3x,"))
    with pytest.raises(RunError, match=f"RUN-MISMATCH.*the {split} data is not what"):
        pipeline.resume(stopped)


def test_a_changed_base_is_not_resumed(stopped, gpt2_folder, tmp_path):
    other = shutil.copytree(gpt2_folder, tmp_path / "base")
    config = other / "config.json"
    config.write_text(config.read_text().replace('"n_head": 2', '"n_head": 4'))
    recipe = stopped / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(str(gpt2_folder), str(other)))
    with pytest.raises(RunError, match=r"RUN-MISMATCH.*the base is not what the run began with"):
        pipeline.resume(stopped)


def test_moved_data_and_base_are_resumed(stopped, films, gpt2_folder, film_run, tmp_path):
    """What counts is what the files hold, not where they are."""
    text = (stopped / "recipe.yaml").read_text()
    for folder, name in ((films, "films"), (gpt2_folder, "base")):
        text = text.replace(str(folder), str(shutil.copytree(folder, tmp_path / name)))
    (stopped / "recipe.yaml").write_text(text)
    pipeline.resume(stopped)
    ours, theirs = contents(stopped), contents(film_run)
    differing = {name for name in theirs if ours[name] != theirs[name]}
    assert differing == {"adapter/adapter_config.json", "adapter/manifest.json"}


def test_another_machine_is_told_of_and_goes_on(stopped):
    path = stopped / "environment.json"
    path.write_text(path.read_text().replace('"processor": "', '"processor": "not '))
    pipeline.resume(stopped, watch=watch_for(2, "warning", crash))
    events = read_events(stopped / "log.jsonl")
    (message,) = [event["message"] for event in events if event["event"] == "warning"]
    assert message.startswith("resumed with another processor (not ")


def test_a_run_in_use_is_not_resumed(stopped):
    with owned(stopped), pytest.raises(RunError, match="RUN-LOCK") as caught:
        pipeline.resume(stopped)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (["training.select=bleu"], "training.select"),
        (["data.validation=null", "training.patience=2"], "training.patience"),
        (["data.validation=null", "training.select=f1"], "training.select"),
    ],
)
def test_a_selection_that_cannot_be_made_is_refused_before(film_recipe, tmp_path, settings, place):
    with pytest.raises(ConfigError) as caught:
        pipeline.train(load_recipe(film_recipe, settings), out=tmp_path / "run")
    assert (caught.value.at, caught.value.exit_code) == (place, 2)
    assert not (tmp_path / "run").exists()


def test_a_missing_base_leaves_no_folder(film_recipe, tmp_path):
    recipe = load_recipe(film_recipe, {"base": str(tmp_path / "nowhere")})
    with pytest.raises(ModelError, match="MODEL-FOLDER"):
        pipeline.train(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_module_of_the_base_that_trains_is_saved_and_resumed(film_recipe, tmp_path):
    settings = ["method.modules_to_save=[ln_f]", "training.epochs=1"]
    out = tmp_path / "run"
    with pytest.raises(RunInterruptedError):
        pipeline.train(
            load_recipe(film_recipe, settings), out=out, watch=watch_for(2, "step", interrupt)
        )
    names = load_file(RunFolder(out).last / "trained.safetensors").keys()
    assert "transformer.ln_f.weight" in names
    assert pipeline.resume(out).result["stopped"] == "finished"


def test_as_many_tokens_are_computed_at_once_as_there_is_memory_for(
    film_recipe, tmp_path, monkeypatch
):
    forward = Network.forward

    def limited(network, batch):
        if torch.is_grad_enabled() and len(batch) > 40:
            raise torch.OutOfMemoryError
        return forward(network, batch)

    monkeypatch.setattr(Network, "forward", limited)
    recipe = load_recipe(film_recipe, ["training.epochs=1", "training.micro_batch_tokens=64"])
    run = pipeline.train(recipe, out=tmp_path / "run")
    made_of = json.loads((run.path / "environment.json").read_text())
    assert made_of["compute"]["micro_batch_tokens"] == 32
    (warning,) = [e["message"] for e in read_events(run.path / "log.jsonl") if "message" in e]
    assert warning.startswith("32 tokens are computed at once, because 64 did not fit")
