"""Run folders that are in use, changed or damaged: refused, and left as they are."""

import shutil

import pytest

from loratory.runs.lock import owned


@pytest.fixture
def run(film_run, tmp_path):
    """Return a copy of a run that is to be finished: everything but what scoring writes."""
    copy = shutil.copytree(film_run, tmp_path / "run")
    for name in ("result.json", "report.html"):
        (copy / name).unlink()
    return copy


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_an_output_folder_in_use_is_refused(refused, film_recipe, run):
    with owned(run):
        found = refused("train", film_recipe, "--out", run)
    assert (found.exit_code, found.code) == (4, "RUN-LOCK")
    assert "run run is active (pid " in found.headline


def test_an_output_folder_that_is_not_empty_is_refused(refused, film_recipe, run):
    found = refused("train", film_recipe, "--out", run)
    assert (found.exit_code, found.code) == (4, "RUN-EXISTS")


def test_a_run_in_use_is_not_resumed(refused, run):
    with owned(run):
        found = refused("train", "--resume", run)
    assert (found.exit_code, found.code) == (4, "RUN-LOCK")


def test_a_changed_setting_is_not_resumed(loratory, run):
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 0", "seed: 1"))
    ran = loratory("train", "--resume", run)
    assert ran.code == 4
    assert "error[RUN-MISMATCH]: the seed is not what the run began with" in ran.err
    assert "got 1, expected 0" in ran.err


@pytest.mark.parametrize(
    "name",
    [
        "last/trained.safetensors",
        "last/optimizer.safetensors",
        "last/state.json",
        "last/manifest.json",
        "best/trained.safetensors",
    ],
)
def test_a_damaged_checkpoint_is_not_resumed(loratory, run, name):
    flip(run / name)
    ran = loratory("train", "--resume", run)
    *_, headline, fix = ran.err.splitlines()
    assert ran.code == 4
    assert headline.startswith(f"error[CKPT-BAD]: {name.split('/')[0]} is damaged")
    assert name.split("/")[1] in headline
    assert fix.startswith("fix: ")
    assert not (run / "result.json").exists()


def test_a_missing_best_checkpoint_is_not_resumed(loratory, run):
    shutil.rmtree(run / "best")
    ran = loratory("train", "--resume", run)
    assert ran.code == 4
    assert "error[CKPT-BAD]: the best checkpoint, of step" in ran.err


@pytest.mark.parametrize("verb", [("train", "--resume"), ("evaluate",), ("predict",)])
def test_a_folder_that_is_no_run_is_refused_with_the_nearest(refused, film_run, tmp_path, verb):
    shutil.copytree(film_run, tmp_path / "films-20240101-000000")
    texts = ["a text"] if verb == ("predict",) else []
    found = refused(*verb, "films-20240101-000001", *texts)
    assert (found.exit_code, found.code) == (4, "RUN-FOLDER")
    assert "films-20240101-000000" in found.fix


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_a_run_that_has_not_finished_is_not_used(refused, run, verb):
    shutil.rmtree(run / "adapter")
    found = refused(verb, run, *(["a text"] if verb == "predict" else []))
    assert (found.exit_code, found.code) == (4, "RUN-UNFINISHED")
    assert f"loratory train --resume {run}" in found.fix
