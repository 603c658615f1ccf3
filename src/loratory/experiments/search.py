"""The best method for some rows within some time: successive halving over methods and settings.

    baselines ─► every method, few rows ─► the best, other learning rates, more rows
              ─► the best, more epochs, all rows ─► two finalists, further seeds ─► one recipe

Each round is a sweep. How many points a round has follows from what those before it were measured
to take. Everything is chosen on the validation rows; the test rows are read once, at the end.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from loratory import pipeline
from loratory.errors import ConfigError, RunInterruptedError
from loratory.experiments.candidates import EPOCHS, Point, methods, more_epochs, other_rates
from loratory.experiments.conclusion import SEEDS, Round, concluded
from loratory.experiments.search_folder import Begun, Progress, SearchFolder
from loratory.experiments.sweep import Effort, SweepRun, grouped, sweep
from loratory.experiments.sweep import resume as resume_sweep
from loratory.experiments.worker import Say, silent
from loratory.inference.materials import KeptMaterials, Materials
from loratory.metrics.baselines import Baseline
from loratory.recipe.lasting import lasting
from loratory.recipe.load import dump_written, varied
from loratory.recipe.schema import Recipe
from loratory.recipe.streams import SEED_COUNT
from loratory.recipe.sweep import PointsSweep
from loratory.runs.atomic import write_file
from loratory.runs.json_files import read_json, write_json
from loratory.runs.lock import owned

_FEWEST_ROWS = 64
_FINALISTS = 2
_SEEDS = 3
# What each round may take of the time that is left when it begins.
_SHARES = (0.35, 0.4, 0.55, 0.9)


@dataclass(frozen=True)
class Found:
    """A search's folder and what it found."""

    path: Path
    result: dict[str, Any]


class _Known(NamedTuple):
    rows: int
    """To train on."""

    baselines: Sequence[Baseline]


class Search:
    """A search under way: its rounds so far, and the time that is left."""

    def __init__(self, recipe: Recipe, folder: SearchFolder, progress: Progress, say: Say) -> None:
        self.recipe = recipe
        self.folder = folder
        self.progress = progress
        self.materials = KeptMaterials()
        self.rounds: list[Round] = []
        self._tell = say

    def run(self, name: str, points: Sequence[Point], rows: int, seeds: Sequence[int]) -> None:
        """Add a round: a sweep of as many of the points, from the first on, as there is time for.

        In the round of further seeds it is all of them, with as many of the seeds.
        A round that there is no time for is left out. One that an earlier attempt has begun is read
        or, if it was the last, gone on with; one that it had left out stays so.
        """
        begun = self.progress.rounds[len(self.rounds) :]
        if begun:
            if begun[0].name == name:
                self.rounds.append(self._again(begun[0], is_last=len(begun) == 1))
            return
        seconds = self.progress.left * _SHARES[len(self.rounds)]
        if name == SEEDS:
            kept, seeds = [*points], self._fitting_seeds(points, rows, seeds, seconds)
        else:
            kept = self._fitting(points, rows, seconds / len(seeds))
        if not (kept and seeds):
            return
        self.progress.begin(name, rows, seconds)
        self._say("round_begins", name=name, points=len(kept), rows=rows, seconds=seconds)
        section = PointsSweep(kind="points", points=tuple(kept), seeds=tuple(seeds))
        few = grouped(varied(self.recipe, {"data.limit.train": rows}), self.folder.path.name)
        done = sweep(
            few.model_copy(update={"sweep": section}),
            out=self._path(name),
            effort=Effort(budget=seconds),
            say=self._say,
            materials=self.materials,
        )
        self.rounds.append(Round(name, rows, done))

    def _again(self, begun: Begun, *, is_last: bool) -> Round:
        path = self._path(begun.name)
        if not is_last:
            # Those after it follow from what it came to.
            return Round(begun.name, begun.rows, SweepRun(path, read_json(path / "result.json")))
        left = max(begun.ends - self.progress.spent, 0.0)
        done = resume_sweep(
            path, effort=Effort(budget=left), say=self._say, materials=self.materials
        )
        return Round(begun.name, begun.rows, done)

    def _path(self, name: str) -> Path:
        return self.folder.round(len(self.rounds) + 1, name)

    def _say(self, event: str, /, **values: Any) -> None:
        """Tell of an event; what is spent is kept after every trial, for a kill may come."""
        if event == "trial_ends":
            self.progress.keep()
        self._tell(event, **values)

    def best(self, most: int) -> list[Point]:
        """Return the best points of the last round that has any, at most so many."""
        for held in reversed(self.rounds):
            if points := held.points:
                return points[:most]
        return []

    def _fitting(self, points: Sequence[Point], rows: int, seconds: float) -> list[Point]:
        kept: list[Point] = []
        for point in points:
            seconds -= self._expected(point, rows)
            if seconds < 0:
                break
            kept.append(point)
        return kept

    def _fitting_seeds(
        self, points: Sequence[Point], rows: int, seeds: Sequence[int], seconds: float
    ) -> list[int]:
        once = sum(self._expected(point, rows) for point in points)
        return [seed for number, seed in enumerate(seeds, start=1) if once * number <= seconds]

    def _expected(self, point: Point, rows: int) -> float:
        """Return the seconds that a point should take, as the last of its method was measured."""
        for held in reversed(self.rounds):
            for trial in held.run.result["trials"]:
                known, costs = trial["settings"], trial["costs"]
                if trial["state"] == "finished" and known["method"] == point["method"]:
                    epochs = self.recipe.training.epochs
                    longer = point.get(EPOCHS, epochs) / known.get(EPOCHS, epochs)
                    ratio = rows / held.rows * longer
                    # Its worker may have been killed before it told how long it took in all.
                    whole = costs["wall_seconds"] or costs["seconds"]
                    fixed = max(0.0, whole - costs["seconds"])
                    return float(fixed + costs["seconds"] * ratio)
        return 0.0


def search(recipe: Recipe, budget: float, *, out: Path | None = None, say: Say = silent) -> Found:
    """Search for the best recipe for the rows of `recipe` within `budget` seconds.

    Data, task, base and training are the recipe's, but for rate and epochs; if it names a method,
    that is tried first, with the recipe's own rate.

    Raises:
        ConfigError: CFG-BUDGET, when not a single run fits into the budget.
        LoratoryError: data, base or machine fail.
        RunInterruptedError: a signal asked to stop; everything is saved.
    """
    began = time.monotonic()
    recipe = lasting(recipe)
    known = _known(recipe, say)
    folder = SearchFolder.create(recipe, out=out)
    with owned(folder.path):
        progress = Progress(folder.progress, budget, time.monotonic() - began)
        folder.begin(recipe, progress)
        return _searched(Search(recipe, folder, progress, say), known)


def resume(path: Path, *, say: Say = silent) -> Found:
    """Go on with a search that was stopped or killed, in the time that it has left.

    Raises:
        RunError: RUN-FOLDER, when there is no search; RUN-LOCK, when it is under way.
        LoratoryError, RunInterruptedError: as `search`.
    """
    folder = SearchFolder.open(path)
    with owned(folder.path):
        if folder.result.is_file():
            return Found(folder.path, read_json(folder.result))
        recipe, progress = folder.begun()
        return _searched(Search(recipe, folder, progress, say), _known(recipe, say))


def _known(recipe: Recipe, say: Say) -> _Known:
    """Return what there is to know before anything is tried, and tell of it.

    Raises:
        LoratoryError: the input is wrong.
    """
    own = varied(recipe, {"data.splits": ["train", "validation"]})
    tuned, given = pipeline.prepare(own, Materials())
    train, validation = (given.dataset.rows(split) for split in ("train", "validation"))
    baselines = tuned.task.baselines(train, validation)
    for baseline in baselines:
        say("baseline", name=baseline.name, metrics=baseline.metrics)
    return _Known(len(train), baselines)


def _searched(state: Search, known: _Known) -> Found:
    folder, progress = state.folder, state.progress
    try:
        _rounds(state, known.rows)
    except RunInterruptedError as error:
        raise RunInterruptedError(
            error.code,
            "stopped as asked; everything is saved",
            at=str(folder.path),
            fix=f"go on with `loratory search --resume {folder.path}`",
        ) from error
    finally:
        progress.keep()
    if not state.best(1):
        raise _too_little(progress.budget, folder.path)
    result = concluded(state.rounds, known.baselines, folder.path)
    result["seconds"] = progress.spent
    write_file(folder.recipe, dump_written(varied(state.recipe, result["best"]["settings"])))
    # Last, because a search with a result is over.
    write_json(folder.result, result)
    return Found(folder.path, read_json(folder.result))


def _rounds(state: Search, rows: int) -> None:
    """Go from every method on few rows to two finalists on all of them."""
    seed, epochs = state.recipe.seed, state.recipe.training.epochs
    few, half = max(min(rows, _FEWEST_ROWS), rows // 5), max(min(rows, _FEWEST_ROWS), rows // 2)
    tried = methods(state.recipe)
    state.run("methods", tried, few, [seed])
    best = state.best(max(_FINALISTS, len(tried) // 4))
    state.run("rates", other_rates(best), half, [seed])
    state.run("epochs", more_epochs(state.best(_FINALISTS), epochs), rows, [seed])
    further = [(seed + more) % SEED_COUNT for more in range(1, _SEEDS)]
    state.run(SEEDS, state.best(_FINALISTS), rows, further)


def _too_little(budget: float, path: Path) -> ConfigError:
    return ConfigError(
        "CFG-BUDGET",
        "not a single run was finished in the time",
        at=f"--budget; {path}",
        got=f"{budget:.0f} s",
        fix="allow more time, or use a smaller base or fewer rows",
    )
