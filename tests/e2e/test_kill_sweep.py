"""A sweep that is killed goes on as if nothing had happened: every trial is finished once.

The whole process is ended by SIGKILL at random points and the sweep resumed, again and again; then
its table, its runs and its journal are compared with those of a sweep that nobody touched.
"""

import json
import random
import shutil
import sys
from collections import Counter

import pytest

from loratory.runs.log import read_events

FEW = "  values: {method.r: [2, 4, 8]}\n  prune: {kind: halving, reduction_factor: 2}\n"
TWELVE = """
  values: {method.r: [2, 4, 8], training.learning_rate: [1.0e-4, 1.0e-2]}
  seeds: [0, 1]
  prune: {kind: halving, reduction_factor: 3}
"""
STATE_TOLD = 6  # Optuna's number for it
ENDED = ("finished", "pruned")


@pytest.fixture
def recipe(film_recipe, tmp_path):
    def write(section):
        path = tmp_path / "swept.yaml"
        short = film_recipe.read_text().replace("epochs: 2", "epochs: 1")
        path.write_text(f"{short}sweep:\n{section}")
        return path

    return write


def table(sweep):
    """Return all that a result says but for times and memory."""
    found = json.loads((sweep / "result.json").read_text())
    for row in [*found["table"], *found["trials"], found["best"]]:
        row["costs"] = row["costs"]["trainable_parameters"]
    return {key: found[key] for key in ("table", "trials", "best")}


def bytes_of(sweep):
    """Return what the finished runs learned and said."""
    runs = [path.parent for path in sweep.glob("trials/*/result.json")]
    paths = [p for run in runs for part in ("adapter", "predictions", "best")
             for p in (run / part).rglob("*") if p.is_file()]  # fmt: skip
    assert paths
    return {str(path.relative_to(sweep)): path.read_bytes() for path in paths}


def lines(sweep):
    return sum(
        path.read_bytes().count(b"\n")
        for path in [*sweep.glob("trials/*/log.jsonl"), *sweep.glob("journal.log")]
    )


def ended_once(sweep):
    """Check that every trial was told to end once, and that no run has a step twice."""
    entries = [json.loads(line) for line in (sweep / "journal.log").read_text().splitlines()]
    told = Counter(entry["trial_id"] for entry in entries if entry["op_code"] == STATE_TOLD)
    trials = json.loads((sweep / "result.json").read_text())["trials"]
    assert set(told.values()) == {1}
    assert len(told) == len(trials) == len([*sweep.glob("trials/*")])
    assert all(trial["state"] in ENDED for trial in trials)
    for log in sweep.glob("trials/*/log.jsonl"):
        steps = [event["step"] for event in read_events(log) if event["event"] == "step"]
        assert steps == list(range(1, len(steps) + 1))


def ruined(begin, killed, recipe, out, kills):
    """Sweep, and kill the sweep that often at random points; return how often one hit it."""
    chance, hits = random.Random(kills), 0

    def begun():
        if (out / "sweep.yaml").exists():
            return begin("sweep", "--resume", out)
        shutil.rmtree(out, ignore_errors=True)
        return begin("sweep", recipe, "--out", out)

    for _ in range(kills):
        awaited = (lines(out) if out.exists() else 0) + chance.randint(1, 60)
        ended = killed(begun(), lambda least=awaited: lines(out) >= least)
        hits += ended.code == -9
        if ended.code == 0:
            break
    ended = begun().wait()
    assert ended.code == 0, ended.err
    return hits


def compared(begin, killed, recipe, folder, kills):
    whole, out = folder / "whole", folder / "ruined"
    ended = begin("sweep", recipe, "--out", whole).wait()
    assert ended.code == 0, ended.err
    hits = ruined(begin, killed, recipe, out, kills)
    assert table(out) == table(whole)
    assert bytes_of(out) == bytes_of(whole)
    ended_once(out)
    return hits


@pytest.mark.timeout(600)
def test_a_sweep_that_is_killed_again_and_again_comes_to_the_same_table(
    begin, killed, recipe, tmp_path
):
    assert compared(begin, killed, recipe(FEW), tmp_path, kills=4) > 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thirty_kills_of_a_sweep_of_twelve_trials_leave_no_trace(
    begin, killed, recipe, tmp_path, capsys
):
    hits, tries = 0, 0
    while hits < 30:
        tries += 1
        folder = tmp_path / str(tries)
        folder.mkdir()
        hits += compared(begin, killed, recipe(TWELVE), folder, kills=30 - hits)
    with capsys.disabled():
        sys.stdout.write(f"\n{hits} kills of {tries} sweeps of 12 trials: all tables equal\n")
