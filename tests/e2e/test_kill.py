"""A killed run goes on as if nothing had happened: byte for byte, wherever the kill fell.

Every run is ended by SIGKILL at random times, once or several times in a row, and resumed until it
is finished; then its checkpoints, its adapter and its predictions are compared with those of a run
that nobody touched.
"""

import random
import sys
import time
from pathlib import Path

import pytest

from loratory.runs.log import read_events
from loratory.runs.published import open_published
from loratory.train.checkpoint import read_state

RUNS = 20
PARTS = ("last", "best", "adapter", "predictions")


def contents(run: Path) -> dict[str, bytes]:
    paths = [path for part in PARTS for path in (run / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def is_inside_a_save(run: Path) -> bool:
    """Tell whether a kill left a copy half-written, or half put in its place."""
    return any((run / f"{part}.{state}").exists() for part in PARTS for state in ("new", "old"))


def has_been(path: Path, seconds: float):
    """Return a function that says whether `path` has been seen for so long."""
    seen: list[float] = []

    def wait() -> bool:
        if not seen and path.exists():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= seconds

    return wait


def step_of(run: Path) -> int:
    """Return the step of the last checkpoint, 0 where there is none."""
    try:
        return read_state(run / "last").step
    except FileNotFoundError:
        return 0


class Torture:
    """Kills runs of one recipe, and counts where the kills fell."""

    def __init__(self, begin, killed, recipe, seed):
        self.begin, self.killed, self.recipe = begin, killed, recipe
        self.random = random.Random(seed)
        self.kills = self.saves = 0
        self.steps: list[int] = []
        self.begins = self.lasts = 1.0

    def measure(self, out: Path) -> None:
        """Run without a kill, and note from when to when it computes."""
        began = time.time()
        ended = self.begin("train", self.recipe, "--out", out).wait()
        assert ended.code == 0, ended.err
        times = [event["time"] - began for event in read_events(out / "log.jsonl")]
        self.begins, self.lasts = times[0], times[-1] - times[0]

    def ruin(self, out: Path, kills: int) -> None:
        """Start a run, kill it that often, and bring it to its end."""
        process = self.begin("train", self.recipe, "--out", out)
        delay = self.random.uniform(0, self.lasts)
        for _ in range(kills):
            if self.killed(process, has_been(out / "recipe.yaml", delay)).code == -9:
                self.look_at(out)
            process = self.begin("train", "--resume", out)
            delay = self.random.uniform(0, self.begins + self.lasts)
        # Everything that is compared is there before result.json is.
        ended = self.killed(process, (out / "result.json").exists)
        assert (out / "result.json").exists(), ended.err

    def look_at(self, out: Path) -> None:
        self.kills += 1
        self.saves += is_inside_a_save(out)
        for part in ("last", "best"):
            open_published(out / part)
        if (out / "log.jsonl").exists():
            steps = [e["step"] for e in read_events(out / "log.jsonl") if e["event"] == "step"]
            self.steps.append(max(steps, default=0))


def torture(torment: Torture, reference: dict[str, bytes], folder: Path, kills) -> str:
    """Ruin as many runs as `kills` has numbers; return what happened in words."""
    torment.measure(folder / "measured")
    assert contents(folder / "measured") == reference
    equal = 0
    for number, times in enumerate(kills):
        torment.ruin(folder / f"run-{number}", times)
        equal += contents(folder / f"run-{number}") == reference
    said = (
        f"N = {len(kills)} runs, {torment.kills} kills, {torment.saves} of them inside a save, "
        f"after {len(set(torment.steps))} different steps: {equal} of {len(kills)} equal"
    )
    assert equal == len(kills), said
    assert torment.kills >= len(kills)
    assert torment.saves > 0
    assert len(set(torment.steps)) > len(kills) // 4
    return said


@pytest.fixture
def reference(film_run):
    """Return the bytes of a run that nobody touched, made by another process."""
    found = contents(film_run)
    assert len(found) == 4 + 4 + 3 + 2
    return found


def test_twenty_killed_runs_end_in_the_same_bytes(
    begin, killed, film_recipe, reference, tmp_path, capsys
):
    torment = Torture(begin, killed, film_recipe, seed=0)
    said = torture(torment, reference, tmp_path, [1 + (n % 3) for n in range(RUNS)])
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_killed_runs_of_fresh_processes_end_in_the_same_bytes(
    begin_fresh, killed, film_recipe, reference, tmp_path, capsys
):
    torment = Torture(begin_fresh, killed, film_recipe, seed=1)
    said = torture(torment, reference, tmp_path, [1 + (n % 3 == 0) for n in range(RUNS)])
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(
    begin, killed, film_recipe, reference, tmp_path
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
    assert contents(out) == reference
