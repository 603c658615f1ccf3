"""A sweep from its recipe to its table.

    recipe ─► points and seeds, all checked ─► folder ─► workers ─► result.json, table, curves

`resume` goes on from whatever a kill left: the journal and the run folders say what is done.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from loratory import pipeline
from loratory.errors import RunInterruptedError
from loratory.experiments.curves import write_curves
from loratory.experiments.on_ray import work_on_ray
from loratory.experiments.plan import make_plan
from loratory.experiments.processes import work_in_processes
from loratory.experiments.summary import sweep_result
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.worker import Limits, Say, Sweep, silent, work
from loratory.inference.materials import KeptMaterials, Materials
from loratory.inference.selection import require_metric
from loratory.recipe.lasting import lasting
from loratory.recipe.load import dump_written, varied
from loratory.recipe.schema import Recipe
from loratory.recipe.track import LONGEST_GROUP
from loratory.runs.atomic import write_file
from loratory.runs.environment import usable_cores
from loratory.runs.json_files import write_json


@dataclass(frozen=True)
class Effort:
    """How much a sweep may take, this time."""

    budget: float | None = None
    """Seconds; None: as many as it takes."""

    trials: int | None = None
    """Trials to begin, counted from the first of all; None: all."""

    workers: int | None = None
    """Processes that do trials side by side; None: one, on Ray as many as GPUs or machines."""

    on: Literal["ray"] | None = None
    """Where the workers are; None: on this machine."""


@dataclass(frozen=True)
class SweepRun:
    """A sweep folder and what it found."""

    path: Path
    result: dict[str, Any]

    @property
    def best(self) -> dict[str, Any] | None:
        """The best point: its settings, its value and its runs; None where none has finished."""
        best: dict[str, Any] | None = self.result["best"]
        return best


def sweep(
    recipe: Recipe,
    *,
    out: Path | None = None,
    effort: Effort | None = None,
    say: Say = silent,
    materials: Materials | None = None,
) -> SweepRun:
    """Run the sweep that `recipe` describes in a new folder, and return what it found.

    `materials` that keep what they read serve several sweeps.

    Raises:
        ConfigError: CFG-SWEEP, or a point's settings are wrong; nothing is written.
        LoratoryError: data, base or machine fail.
        RunInterruptedError: a signal asked to stop; everything is saved.
    """
    materials = materials or KeptMaterials()
    resolved = _resolved(recipe, materials)
    folder = SweepFolder.create(recipe.name or "sweep", out=out)
    # Last, because a folder with a recipe is a sweep.
    write_file(folder.recipe, dump_written(grouped(resolved, folder.path.name)))
    return _run(folder, effort or Effort(), say, materials)


def resume(
    path: Path,
    *,
    effort: Effort | None = None,
    say: Say = silent,
    materials: Materials | None = None,
) -> SweepRun:
    """Go on with a sweep that was stopped or killed: what is done stays, what is half done goes on.

    What failed of something that may have changed since, such as memory, is done again.

    Raises:
        RunError: RUN-FOLDER, when there is no sweep; RUN-LOG, when its journal is damaged;
            RUN-MISMATCH, when its recipe is not what it began with.
        LoratoryError, RunInterruptedError: as `sweep`.
    """
    folder = SweepFolder.open(path)
    Sweep(folder).take_up()
    return _run(folder, effort or Effort(), say, materials or KeptMaterials())


def _run(folder: SweepFolder, effort: Effort, say: Say, materials: Materials) -> SweepRun:
    until = None if effort.budget is None else time.time() + effort.budget
    limits = Limits(until, effort.trials)
    state = Sweep(folder)
    say("sweep_begins", dir=str(folder.path), trials=state.plan.trials, metric=state.metric)
    try:
        if effort.on == "ray":
            materials.forget()  # the workers read their own
            work_on_ray(state, limits, effort.workers, say)
        elif effort.workers is not None and effort.workers > 1:
            threads = max(1, usable_cores() // effort.workers)
            materials.forget()
            work_in_processes(state, replace(limits, threads=threads), effort.workers, say)
        else:
            work(folder.path, limits, say, materials)
    except RunInterruptedError as error:
        _finish(state)
        raise _interrupted(folder) from error
    return SweepRun(folder.path, _finish(state))


def _finish(state: Sweep) -> dict[str, Any]:
    """Write the result and the curves of what there is so far."""
    result = sweep_result(state)
    write_json(state.folder.result, result)
    write_curves(state, result["table"])
    return result


def _resolved(recipe: Recipe, materials: Materials) -> Recipe:
    """Return the recipe with its metric, and paths that hold from anywhere.

    Its first trial is prepared to the point where training would begin, so that what is wrong with
    data, base or metric is found before anything is written.
    """
    tuned, _ = pipeline.prepare(make_plan(recipe).first(), materials)
    assert recipe.sweep is not None
    metric = recipe.sweep.metric or recipe.training.select or tuned.task.main_metric
    require_metric(tuned, metric, at="sweep.metric")
    changed = varied(recipe, {"training.select": recipe.training.select or metric})
    section = recipe.sweep.model_copy(update={"metric": metric})
    return lasting(changed.model_copy(update={"sweep": section}))


def grouped(recipe: Recipe, name: str) -> Recipe:
    """Return the recipe with a group for its runs in trackers: its own or, without one, `name`."""
    group = recipe.track.group or name[:LONGEST_GROUP]
    return recipe.model_copy(update={"track": recipe.track.model_copy(update={"group": group})})


def _interrupted(folder: SweepFolder) -> RunInterruptedError:
    return RunInterruptedError(
        "RUN-STOPPED",
        "stopped as asked; everything is saved",
        at=str(folder.path),
        fix=f"go on with `loratory sweep --resume {folder.path}`",
    )
