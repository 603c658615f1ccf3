"""A sweep from its recipe to its table.

    recipe ─► points and seeds, all checked ─► folder ─► workers ─► result.json, table, curves

`resume` goes on from whatever a kill left: the journal and the run folders say what is done.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from loratory import pipeline
from loratory.errors import ConfigError, RunInterruptedError
from loratory.experiments.curves import write_curves
from loratory.experiments.on_ray import work_on_ray
from loratory.experiments.plan import make_plan
from loratory.experiments.processes import work_in_processes
from loratory.experiments.summary import sweep_result
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.worker import Limits, Say, Sweep, silent, work
from loratory.inference.materials import KeptMaterials, Materials
from loratory.models.source import base_source
from loratory.recipe.load import dump_written, varied
from loratory.recipe.schema import Recipe
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
    write_file(folder.recipe, dump_written(resolved))
    return _run(folder, effort or Effort(), say, materials)


def resume(
    path: Path,
    *,
    effort: Effort | None = None,
    say: Say = silent,
    materials: Materials | None = None,
) -> SweepRun:
    """Go on with a sweep that was stopped or killed: what is done stays, what is half done goes on.

    Raises:
        RunError: RUN-FOLDER, when there is no sweep; RUN-LOG, when its journal is damaged.
        LoratoryError, RunInterruptedError: as `sweep`.
    """
    return _run(SweepFolder.open(path), effort or Effort(), say, materials or KeptMaterials())


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
    plan = make_plan(recipe)
    point = plan.points[0] if plan.points is not None else {}
    tuned, _ = pipeline.prepare(plan.run(point, plan.seeds[0]), materials)
    assert recipe.sweep is not None
    metric = recipe.sweep.metric or recipe.training.select or tuned.task.main_metric
    if metric not in tuned.task.metrics:
        raise ConfigError(
            "CFG-UNKNOWN",
            "the task has no such metric",
            at="sweep.metric",
            got=metric,
            expected=" or ".join(tuned.task.metrics),
            fix="name one of these metrics",
        )
    changes: dict[str, Any] = {
        "training.select": recipe.training.select or metric,
        **absolute_paths(recipe),
    }
    changed = varied(recipe, changes)
    section = recipe.sweep.model_copy(update={"metric": metric})
    return changed.model_copy(update={"sweep": section})


def absolute_paths(recipe: Recipe) -> Mapping[str, str]:
    """Return the settings of a recipe that are paths, such that they hold from anywhere."""
    found = {
        f"data.{key}": str(Path(path).resolve())
        for key in ("dir", "train", "validation", "test")
        if (path := getattr(recipe.data, key)) is not None
    }
    if isinstance(recipe.base, str):
        source = base_source(recipe.base)
        if source.kind == "folder":
            found["base"] = str(source.folder.resolve())
    return found


def _interrupted(folder: SweepFolder) -> RunInterruptedError:
    return RunInterruptedError(
        "RUN-STOPPED",
        "stopped as asked; everything is saved",
        at=str(folder.path),
        fix=f"go on with `loratory sweep --resume {folder.path}`",
    )
