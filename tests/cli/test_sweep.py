"""`loratory sweep` and `loratory search`: what they print, and what they refuse."""

import json

import pytest

from loratory.cli.sweep import budget_seconds
from loratory.errors import ConfigError


@pytest.fixture
def recipe(film_recipe, tmp_path):
    path = tmp_path / "swept.yaml"
    short = film_recipe.read_text().replace("epochs: 2", "epochs: 1")
    path.write_text(f"{short}sweep:\n  values: {{method.r: [2, 4]}}\n")
    return path


def test_a_sweep_prints_its_trials_its_table_and_what_to_do_next(loratory, recipe, tmp_path):
    ran = loratory("sweep", recipe, "--out", tmp_path / "sweep", "--trials", 1)
    assert ran.code == 0
    assert "1/2  r=2  seed 0  accuracy" in ran.err
    assert "1 of 2 trials were not begun" in ran.err
    assert f"use it:  loratory evaluate {tmp_path / 'sweep' / 'trials'}" in ran.out
    ran = loratory("sweep", "--resume", tmp_path / "sweep", "--json")
    found = json.loads(ran.out)
    assert [trial["state"] for trial in found["trials"]] == ["finished", "finished"]
    assert found.keys() >= {"dir", "trials", "best"}
    assert found["trials"][0].keys() >= {"run", "settings", "value", "state"}
    assert found == json.loads((tmp_path / "sweep" / "result.json").read_text())
    run = tmp_path / "sweep" / found["best"]["runs"][0]
    scored = json.loads(loratory("evaluate", run, "--split", "test", "--json").out)
    assert (scored["split"], scored["rows"]) == ("test", 7)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["RECIPE", "method.r=8"], "CFG-SWEEP"),
        (["RECIPE", "sweep.values={}"], "CFG-SWEEP"),
        (["RECIPE", "sweep=null"], "CFG-SWEEP"),
        (["RECIPE", "--budget", "soon"], "CFG-USAGE"),
        (["RECIPE", "--on", "mars"], "CFG-USAGE"),
        (["RECIPE", "--resume", "runs/x"], "CFG-USAGE"),
        (["--resume", "runs/x"], "RUN-FOLDER"),
        ([], "CFG-USAGE"),
    ],
)
def test_what_is_no_sweep_is_refused_and_leaves_nothing(
    loratory, recipe, tmp_path, monkeypatch, arguments, code
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    ran = loratory("sweep", *[recipe if word == "RECIPE" else word for word in arguments])
    assert f"error[{code}]" in ran.err
    assert ran.code in (2, 4)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("90", 90), ("1.5m", 90), ("2h", 7200), (" 3m ", 180)]
)
def test_a_budget_is_a_number_and_a_unit(text, seconds):
    assert budget_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0m", "-1m", "1d", "1 m 2"])
def test_what_is_no_time_is_no_budget(text):
    with pytest.raises(ConfigError, match="CFG-USAGE"):
        budget_seconds(text)
