"""Workers beside each other: they share the trials, and do not outlive whoever wanted them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from loratory.errors import RunError
from loratory.experiments.processes import _begun, raise_first
from loratory.experiments.sweep import Effort, resume, sweep
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.worker import Limits, Sweep
from loratory.recipe.load import load_recipe
from loratory.runs.log import read_events

GRID = "  values: {method.r: [2, 4], method.lora_alpha: [4, 16]}\n"


def told(result):
    return [(trial["settings"], trial["value"], trial["state"]) for trial in result["trials"]]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_workers_come_to_the_table_of_one(sweep_recipe, tmp_path):
    recipe = load_recipe(sweep_recipe(GRID, "grid"))
    alone = sweep(recipe, out=tmp_path / "alone").result
    said = []
    both = sweep(
        recipe,
        out=tmp_path / "both",
        effort=Effort(workers=2),
        say=lambda event, **values: said.append((event, values.get("number"))),
    ).result
    assert told(both) == told(alone)
    for event in ("trial_begins", "trial_ends"):
        assert sorted(number for what, number in said if what == event) == [0, 1, 2, 3]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workers_stop_when_their_driver_is_killed_and_the_sweep_goes_on(sweep_recipe, tmp_path):
    out, path = tmp_path / "sweep", sweep_recipe(GRID, "grid")
    command = [sys.executable, "-m", "loratory", "sweep", path, "--out", out, "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as driver:
        while not [*out.glob("trials/*/log.jsonl")]:
            assert driver.poll() is None
            time.sleep(0.05)
        os.kill(driver.pid, signal.SIGKILL)
    folder = SweepFolder.open(out)
    for trial in Sweep(folder).study.trials():
        while True:
            try:
                with folder.claimed(trial.number):
                    break
            except RunError:
                time.sleep(0.1)
    result = resume(out).result
    assert {trial["state"] for trial in result["trials"]} == {"finished"}
    for trial in result["trials"]:
        events = read_events(out / trial["run"] / "log.jsonl")
        assert [e["step"] for e in events if e["event"] == "step"] == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """Return a function that says how a worker ended that had no sweep and did this beforehand."""

    def end(line, *, stop_asked=False):
        (tmp_path / "sitecustomize.py").write_text(line)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
        with ExitStack() as stack:
            return _begun(tmp_path / "none", Limits(), stack).failure(lambda: stop_asked)

    return end


def test_a_worker_that_is_killed_is_told_by_its_exit_code(ended):
    killed = "import os; os.kill(os.getpid(), 9)"
    assert "exit code -9" in ended(killed)["headline"]
    assert ended(killed, stop_asked=True) is None, "whoever asked it to stop knows why it ended"


def test_a_terminals_signal_does_not_reach_a_worker(ended):
    """Who begins a session is its leader."""
    leads = ended("import os; os._exit(7 if os.getsid(0) == os.getpid() else 8)")
    assert "exit code 7" in leads["headline"]


def test_what_a_library_prints_is_not_what_a_worker_says(ended):
    """More than a pipe holds."""
    assert ended("print('{' * 10**6)")["code"] == "RUN-FOLDER"


def test_a_workers_error_is_the_sweeps(film_sweep):
    state = Sweep(SweepFolder.open(film_sweep.path))
    raise_first([], state)
    with pytest.raises(RunError, match=r"RUN-WORKER.+error\[DATA-EMPTY\].+\nfix: add rows"):
        raise_first(
            [{"code": "X", "headline": "error[DATA-EMPTY]: none", "fix": "add rows"}], state
        )
