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
from typing import Any

from loratory import pipeline
from loratory.errors import ConfigError
from loratory.experiments.candidates import EPOCHS, Point, methods, more_epochs, other_rates
from loratory.experiments.conclusion import SEEDS, Round, concluded
from loratory.experiments.sweep import Effort, sweep
from loratory.experiments.worker import Say, silent
from loratory.inference.materials import KeptMaterials, Materials
from loratory.recipe.load import dump_written, varied
from loratory.recipe.schema import Recipe
from loratory.recipe.sweep import PointsSweep
from loratory.runs.atomic import disk_errors, write_file
from loratory.runs.folder import empty_folder, new_folder
from loratory.runs.json_files import write_json

SEARCHES = Path("searches")

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


class Search:
    """A search under way: its rounds so far, and the time that is left."""

    def __init__(self, recipe: Recipe, folder: Path, until: float, say: Say) -> None:
        self.recipe = recipe
        self.folder = folder
        self.until = until
        """When it is to be over, in the seconds of `time.monotonic`."""

        self.materials = KeptMaterials()
        self.rounds: list[Round] = []
        self._say = say

    def run(self, name: str, points: Sequence[Point], rows: int, seeds: Sequence[int]) -> None:
        """Add a round: a sweep of as many of the points, from the first on, as there is time for.

        A round that there is no time for is left out.
        """
        seconds = (self.until - time.monotonic()) * _SHARES[len(self.rounds)]
        kept = self._fitting(points, rows, seconds / len(seeds))
        if not kept:
            return
        self._say("round_begins", name=name, points=len(kept), rows=rows, seconds=seconds)
        section = PointsSweep(kind="points", points=tuple(kept), seeds=tuple(seeds))
        few = varied(self.recipe, {"data.limit.train": rows})
        done = sweep(
            few.model_copy(update={"sweep": section}),
            out=self.folder / f"{len(self.rounds) + 1}-{name}",
            effort=Effort(budget=seconds),
            say=self._say,
            materials=self.materials,
        )
        self.rounds.append(Round(name, rows, done))

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

    def _expected(self, point: Point, rows: int) -> float:
        """Return the seconds that a point should take, as the last of its method was measured."""
        for held in reversed(self.rounds):
            for trial in held.run.result["trials"]:
                known, costs = trial["settings"], trial["costs"]
                if trial["state"] == "finished" and known["method"] == point["method"]:
                    epochs = self.recipe.training.epochs
                    longer = point.get(EPOCHS, epochs) / known.get(EPOCHS, epochs)
                    ratio = rows / held.rows * longer
                    fixed = costs["wall_seconds"] - costs["seconds"]
                    return float(fixed + costs["seconds"] * ratio)
        return 0.0


def search(recipe: Recipe, budget: float, *, out: Path | None = None, say: Say = silent) -> Found:
    """Search for the best recipe for the rows of `recipe` within `budget` seconds.

    Data, task and base are the recipe's; its method and its training are where the search begins.

    Raises:
        ConfigError: CFG-BUDGET, when not a single run fits into the budget.
        LoratoryError: data, base or machine fail.
    """
    began = time.monotonic()
    own = varied(recipe, {"data.splits": ["train", "validation"]})
    tuned, given = pipeline.prepare(own, Materials())
    train, validation = (given.dataset.rows(split) for split in ("train", "validation"))
    baselines = tuned.task.baselines(train, validation)
    del tuned
    for baseline in baselines:
        say("baseline", name=baseline.name, metrics=baseline.metrics)
    path = _folder(recipe, out)
    state = Search(recipe, path, began + budget, say)
    _rounds(state, len(train))
    if not state.best(1):
        raise _too_little(budget, path)
    result = concluded(state.rounds, baselines, path)
    result["seconds"] = time.monotonic() - began
    chosen = varied(recipe, result["best"]["settings"])
    write_file(path / "recipe.yaml", dump_written(chosen))
    write_json(path / "result.json", result)
    return Found(path, result)


def _rounds(state: Search, rows: int) -> None:
    """Go from every method on few rows to two finalists on all of them."""
    seed, epochs = state.recipe.seed, state.recipe.training.epochs
    few, half = max(min(rows, _FEWEST_ROWS), rows // 5), max(min(rows, _FEWEST_ROWS), rows // 2)
    tried = methods(state.recipe)
    state.run("methods", tried, few, [seed])
    best = state.best(max(_FINALISTS, len(tried) // 4))
    state.run("rates", other_rates(best), half, [seed])
    state.run("epochs", more_epochs(state.best(_FINALISTS), epochs), rows, [seed])
    further = [seed + more for more in range(1, _SEEDS)]
    state.run(SEEDS, state.best(_FINALISTS), rows, further)


def _folder(recipe: Recipe, out: Path | None) -> Path:
    with disk_errors(out or SEARCHES):
        return (
            new_folder(recipe.name or "search", SEARCHES) if out is None else empty_folder(out)
        ).absolute()


def _too_little(budget: float, path: Path) -> ConfigError:
    return ConfigError(
        "CFG-BUDGET",
        "not a single run was finished in the time",
        at=f"--budget; {path}",
        got=f"{budget:.0f} s",
        fix="allow more time, or use a smaller base or fewer rows",
    )
