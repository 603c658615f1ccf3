"""One run, from recipe to report. The file to read first.

    recipe ─► data ─► base + method + head ─► tokens ─► fit ─► score ─► adapter, result, report

Whatever can be wrong with the input is found before the run folder appears. From then on the
folder is enough: `resume` makes the same objects again and hands them to the same `_run`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save

from loratory.errors import ConfigError, RunInterruptedError
from loratory.inference.frozen import Frozen
from loratory.inference.looks import Looks
from loratory.inference.result import RunInput, run_result
from loratory.inference.tuned import Tuned, load_run, untrained
from loratory.methods.trained import (
    load_trained,
    parameter_counts,
    trained_parameters,
    trained_tensors,
)
from loratory.recipe.load import dump_recipe, load_recipe
from loratory.recipe.schema import Recipe
from loratory.report.write import write_report
from loratory.runs.atomic import write_file
from loratory.runs.environment import environment, peak_memory_mb
from loratory.runs.folder import RunFolder
from loratory.runs.identity import differences, require_same, settings
from loratory.runs.json_files import read_json, write_json
from loratory.runs.log import RunLog, read_events
from loratory.runs.published import open_published, publish_folder
from loratory.tasks.given import given_rows
from loratory.train.checkpoint import TrainState, read_trained
from loratory.train.fit import Fit
from loratory.train.longest import fitting_tokens
from loratory.train.loop import Plan
from loratory.train.stop import stop_signals

Watch = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Run:
    """A run folder and its result."""

    path: Path
    result: dict[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics on the split that the report is about."""
        return dict(self.result["metrics"])

    @property
    def intervals(self) -> dict[str, list[float]]:
        """Each metric's 95 % interval."""
        return dict(self.result["intervals"])

    def load(self) -> Tuned:
        """Return the tuned network, to predict with."""
        return load_run(self.path)


def train(recipe: Recipe, *, out: Path | None = None, watch: Watch = lambda *_: None) -> Run:
    """Run `recipe` in a new folder and return the run.

    Raises:
        LoratoryError: the input is wrong, or the machine fails; the message says what to do.
        RunInterruptedError: a signal asked to stop; the run is saved.
    """
    tuned, given = _prepare(recipe)
    tuned = _fitted(tuned, given)
    folder = RunFolder.create(recipe.name or "run", out=out)
    with folder.owned():
        frozen = Frozen(tuned, given.encodings)
        made_of = {"settings": settings(tuned.recipe), **_environment(frozen, given)}
        write_json(folder.environment, made_of)
        # Last, because a folder with a recipe is a run.
        write_file(folder.recipe, dump_recipe(tuned.recipe))
        return _run(frozen, given, folder, watch)


def resume(path: Path, *, watch: Watch = lambda *_: None) -> Run:
    """Go on with a run from its last checkpoint, bit for bit; a finished one is returned as it is.

    Raises:
        RunError: RUN-MISMATCH, when settings, data or base are not what the run began with.
        LoratoryError, RunInterruptedError: as `train`.
    """
    folder = RunFolder.open(path)
    with folder.owned():
        if folder.result.is_file():
            return Run(folder.path, read_json(folder.result))
        before = read_json(folder.environment)
        recipe = load_recipe(folder.recipe)
        require_same(before["settings"], settings(recipe), at=str(folder.recipe))
        training = recipe.training.model_copy(update=before["compute"])
        tuned, given = _prepare(recipe.model_copy(update={"training": training}))
        frozen = Frozen(tuned, given.encodings)
        now = _environment(frozen, given)
        require_same(before["digests"], now["digests"], at=str(folder.environment))
        return _run(frozen, given, folder, watch, notes=differences(before, now))


def _prepare(recipe: Recipe) -> tuple[Tuned, RunInput]:
    """Read the data, then the base; check all there is to check."""
    recipe, dataset = given_rows(recipe)
    tuned = untrained(recipe)
    encodings = {split: tuned.task.encode(rows) for split, rows in dataset.splits.items()}
    _check_selection(tuned, has_validation="validation" in encodings)
    return tuned, RunInput(dataset, encodings)


def _fitted(tuned: Tuned, given: RunInput) -> Tuned:
    """Return it with as many tokens computed at once as there is memory for."""
    wish, rows = tuned.compute.micro_batch_tokens, given.encodings["train"].rows
    if not rows or not trained_parameters(tuned.base.network):
        return tuned
    size = tuned.recipe.training.batch_size
    fitting = fitting_tokens(tuned.base.network, tuned.task, rows, batch_size=size, most=wish)
    if fitting == wish:
        return tuned
    note = f"{fitting:,} tokens are computed at once, because {wish:,} did not fit into memory"
    compute = replace(tuned.compute, micro_batch_tokens=fitting)
    return replace(tuned, compute=compute, notes=(*tuned.notes, note))


def _run(
    frozen: Frozen, given: RunInput, folder: RunFolder, watch: Watch, notes: Sequence[str] = ()
) -> Run:
    """Train to the end and account for it; `folder` is owned, and may hold an earlier part."""
    tuned = frozen.tuned
    with RunLog(folder.log) as log, stop_signals() as stop_asked:

        def tell(event: str, /, **values: Any) -> None:
            log.write(event, **values)
            watch(event, values)

        trained = trained_parameters(tuned.base.network)
        plan = Plan(
            given.encodings["train"].rows if trained else (),
            tuned.recipe.training,
            tuned.recipe.seed,
            tuned.compute.micro_batch_tokens,
            {name: tuned.method.rate(name) for name in trained},
        )
        # To the log a start takes the place of everything before it.
        is_new = open_published(folder.last) is None
        tell("start" if is_new else "continue", **_outline(tuned, given, plan))
        for note in (*notes, *tuned.notes):
            tell("warning", message=note)
        frozen.keep(tell)
        looks = Looks(tuned, given, folder, tell)
        looks.before_training()
        network, validation = tuned.base.network, looks.validation()
        fit = Fit(network, tuned.task, plan, folder, tell, validation, stop_asked)
        state = fit.run()
        tell(
            "stop",
            reason=_reason(state, plan),
            step=state.step,
            peak_memory_mb=peak_memory_mb(),
        )
        if not state.finished:
            raise _interrupted(folder, state, plan)
        _keep_best(tuned, folder)
        looks.after_training(step=state.step, epoch=state.step / max(plan.steps_per_epoch, 1))
    # Nothing is computed with it any more; its memory serves the baselines and the plots.
    network.kept = None
    network.to("meta")
    result = run_result(tuned, given, folder, state, read_events(folder.log))
    write_json(folder.result, result)
    write_report(folder.path)
    return Run(folder.path, read_json(folder.result))


def _outline(tuned: Tuned, given: RunInput, plan: Plan) -> dict[str, Any]:
    """Return what the log says first of a run."""
    trainable, total = parameter_counts(tuned.base.network)
    return {
        "recipe": tuned.recipe.name,
        "rows": {split: len(rows) for split, rows in given.dataset.splits.items()},
        "steps": plan.steps,
        "trainable_parameters": trainable,
        "total_parameters": total,
    }


def _keep_best(tuned: Tuned, folder: RunFolder) -> None:
    """Put the best weights, or the last where nothing was compared, into network and adapter."""
    best = open_published(folder.best)
    if best is not None:
        load_trained(tuned.base.network, read_trained(best.path))

    def fill(target: Path) -> None:
        tuned.method.save(tuned.base, target, heads=tuned.task.heads)

    publish_folder(folder.adapter, fill, info={})


def _environment(frozen: Frozen, given: RunInput) -> dict[str, Any]:
    tuned = frozen.tuned
    start = save(trained_tensors(tuned.base.network))
    compute = tuned.compute
    return environment() | {
        "gpu": compute.gpu,
        "compute": {
            "device": compute.device.type,
            "precision": compute.precision,
            "threads": compute.threads,
            "micro_batch_tokens": compute.micro_batch_tokens,
            "frozen_states": frozen.where,
        },
        "digests": {
            "base": tuned.base.digest,
            "start": hashlib.sha256(start).hexdigest(),
            **{f"{split} data": digest for split, digest in given.dataset.digest.items()},
        },
    }


def _check_selection(tuned: Tuned, *, has_validation: bool) -> None:
    """Refuse a selection that could not be made once training is done."""
    training = tuned.recipe.training
    if training.select is not None and training.select not in tuned.task.metrics:
        raise ConfigError(
            "CFG-UNKNOWN",
            "the task has no such metric",
            at="training.select",
            got=training.select,
            expected=" or ".join(tuned.task.metrics),
            fix="name one of these metrics",
        )
    for key, value in (("select", training.select), ("patience", training.patience)):
        if value is not None and not has_validation:
            raise ConfigError(
                "CFG-VALUE",
                f"{key} needs validation rows, and there are none",
                at=f"training.{key}",
                fix="set data.validation or data.holdout.validation, or leave the setting out",
            )


def _reason(state: TrainState, plan: Plan) -> str:
    if not state.finished:
        return "interrupted"
    return "finished" if state.step == plan.steps else "early"


def _interrupted(folder: RunFolder, state: TrainState, plan: Plan) -> RunInterruptedError:
    return RunInterruptedError(
        "RUN-STOPPED",
        f"stopped as asked after step {state.step} of {plan.steps}; everything is saved",
        at=str(folder.path),
        fix=f"go on with `loratory train --resume {folder.path}`",
    )
