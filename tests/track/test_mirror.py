"""A mirror that fails says so once, and the run goes on as if there were none."""

from pathlib import Path

import pytest

from loratory import pipeline
from loratory.recipe.load import load_recipe
from loratory.recipe.track import TrackSection
from loratory.runs.folder import RunFolder
from loratory.runs.log import read_events
from loratory.track.mirror import Mirrors
from loratory.track.tensorboard_files import TensorboardFiles

pytest.importorskip("tensorboard")


def warnings_of(run):
    return [e["message"] for e in read_events(run / "log.jsonl") if e["event"] == "warning"]


def test_a_folder_that_cannot_be_written_costs_one_warning(film_recipe, film_run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    overrides = {"track.to": ["tensorboard"], "track.folder": str(tmp_path / "file" / "track")}
    run = pipeline.train(load_recipe(film_recipe, overrides), out=tmp_path / "run").path
    (said,) = warnings_of(run)
    assert said.startswith("the run is no longer mirrored to tensorboard: NotADirectoryError")
    assert f"loratory track {run} --to tensorboard" in said
    for name in ("adapter/adapter_model.safetensors", "predictions/test.jsonl"):
        assert (run / name).read_bytes() == (film_run / name).read_bytes()


def test_a_tracker_that_fails_on_the_way_is_told_once(film_run, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(TensorboardFiles, "write", fail)
    section = TrackSection(to=("tensorboard",), folder=str(tmp_path))
    mirrors = Mirrors(section, RunFolder(film_run))
    events = read_events(film_run / "log.jsonl")
    said = [problem for event in events for problem in mirrors.follow(event)]
    said += mirrors.finish({"metrics": {}})
    assert len(said) == 1
    assert "OSError: the disk is gone" in said[0]


def test_a_run_that_was_killed_before_its_mirrors_had_the_result_gives_it_to_them(
    film_recipe, tmp_path, monkeypatch
):
    class KilledError(Exception):
        pass

    def kill(*_):
        raise KilledError

    written, summaries = [], []
    overrides = {"track.to": ["tensorboard"], "track.folder": str(tmp_path / "track")}
    recipe = load_recipe(film_recipe, overrides)
    with monkeypatch.context() as before:
        before.setattr(Mirrors, "finish", kill)
        with pytest.raises(KilledError):
            pipeline.train(recipe, out=tmp_path / "run")
    monkeypatch.setattr(TensorboardFiles, "write", lambda _, points: written.extend(points))
    monkeypatch.setattr(TensorboardFiles, "finish", lambda _, summary: summaries.append(summary))
    pipeline.resume(tmp_path / "run")
    assert max(point.step for point in written) == 12
    assert len(summaries) == 1
    pipeline.resume(tmp_path / "run")
    assert len(summaries) == 1


def test_without_trackers_nothing_is_written(film_run):
    assert not Path(film_run.parent, "track").exists()
