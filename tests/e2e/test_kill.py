"""A killed run goes on as if nothing had happened: byte for byte, wherever the kill fell.

Every run is ended by SIGKILL at random times, once or several times in a row, and resumed until it
is finished; then its checkpoints, its adapter and its predictions are compared with those of a run
that nobody touched.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loratory.runs.published import open_published
from loratory.train.checkpoint import read_state

RUNS = 20
FEW = 6
PARTS = ("last", "best", "adapter", "predictions")


def contents(run: Path) -> dict[str, bytes]:
    paths = [path for part in PARTS for path in (run / part).rglob("*") if path.is_file()]
    assert len(paths) == 4 + 4 + 5 + 2
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def is_inside_a_save(run: Path) -> bool:
    """Tell whether a kill left a copy half-written, or half put in its place."""
    return any((run / f"{part}.{state}").exists() for part in PARTS for state in ("new", "old"))


def lines(run: Path) -> int:
    """Return how many events the run's log holds."""
    log = run / "log.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def step_of(run: Path) -> int:
    """Return the step of the last checkpoint, 0 where there is none."""
    try:
        return read_state(run / "last").step
    except FileNotFoundError:
        return 0


class Torture:
    """Kills runs of one recipe, and counts where the kills fell."""

    def __init__(self, begin, killed, recipe, whole: Path) -> None:
        self.begin, self.killed, self.recipe = begin, killed, recipe
        self.random = random.Random(0)
        self.events, self.length = lines(whole), step_of(whole)
        self.kills = self.saves = 0
        self.steps: set[int] = set()

    def ruin(self, out: Path, kills: int) -> None:
        """Start a run, kill it that often, and bring it to its end."""
        process = self.begin("train", self.recipe, "--out", out)
        for _ in range(kills):
            if self.killed(process, self.moment(out)).code == -9:
                self.look_at(out)
            process = self.begin("train", "--resume", out)
        # Everything that is compared is there before result.json is.
        ended = self.killed(process, (out / "result.json").exists)
        assert (out / "result.json").exists(), ended.err

    def moment(self, out: Path) -> Callable[[], bool]:
        """Draw what to wait for: so many further events, and then some time, or the next save.

        By events and not by the clock, because how long a run takes depends on what else runs.
        """
        left = self.events * (self.length - step_of(out)) // self.length
        awaited = lines(out) + self.random.randint(1, max(left, 1))
        delay, seen = self.random.choice([None, self.random.uniform(0, 0.06)]), []

        def has_come() -> bool:
            if not seen and lines(out) >= awaited:
                seen.append(time.monotonic())
            if not seen:
                return False
            late = time.monotonic() - seen[0]
            return is_inside_a_save(out) if delay is None else late >= delay

        return has_come

    def look_at(self, out: Path) -> None:
        self.kills += 1
        self.saves += is_inside_a_save(out)
        self.steps.add(step_of(out))
        for part in ("last", "best"):
            open_published(out / part)


def torture(torment: Torture, reference: dict[str, bytes], folder: Path, kills) -> str:
    """Ruin as many runs as `kills` has numbers; return what happened in words."""
    equal = 0
    for number, times in enumerate(kills):
        torment.ruin(folder / f"run-{number}", times)
        equal += contents(folder / f"run-{number}") == reference
    said = (
        f"N = {len(kills)} runs, {torment.kills} kills, {torment.saves} of them inside a save, "
        f"after {len(torment.steps)} different steps: {equal} of {len(kills)} equal"
    )
    assert equal == len(kills), said
    assert torment.kills >= len(kills), said
    assert torment.saves > len(kills) // 5, said
    assert len(torment.steps) > len(kills) // 5, said
    return said


@pytest.mark.timeout(600)
def test_killed_runs_end_in_the_same_bytes(begin, killed, film_recipe, film_run, tmp_path):
    torment = Torture(begin, killed, film_recipe, film_run)
    said = torture(torment, contents(film_run), tmp_path, [1 + (n % 3) for n in range(FEW)])
    assert said.endswith(f"{FEW} of {FEW} equal")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_killed_runs_end_in_the_same_bytes(
    begin, killed, film_recipe, film_run, tmp_path, capsys
):
    torment = Torture(begin, killed, film_recipe, film_run)
    said = torture(torment, contents(film_run), tmp_path, [1 + (n % 3) for n in range(RUNS)])
    assert said.endswith(f"{RUNS} of {RUNS} equal")
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_killed_runs_of_fresh_processes_end_in_the_same_bytes(
    begin_fresh, killed, film_recipe, film_run, tmp_path, capsys
):
    torment = Torture(begin_fresh, killed, film_recipe, film_run)
    said = torture(torment, contents(film_run), tmp_path, [1 + (n % 3 == 0) for n in range(RUNS)])
    assert said.endswith(f"{RUNS} of {RUNS} equal")
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")


@pytest.mark.timeout(600)
def test_a_run_that_is_killed_again_and_again_comes_to_its_end(
    begin, killed, film_recipe, film_run, tmp_path
):
    """Each attempt dies once it has saved a further step; none falls behind the one before."""
    out, saved = tmp_path / "run", [0]
    process = begin("train", film_recipe, "--out", out)
    while killed(process, lambda: step_of(out) > saved[-1]).code == -9:
        recovered = open_published(out / "last")
        assert recovered.info["step"] > saved[-1]
        saved.append(recovered.info["step"])
        process = begin("train", "--resume", out)
    assert len(saved) > 4
    assert saved[-1] == 12
    assert contents(out) == contents(film_run)
