"""One run, from recipe to report. The file to read first.

    recipe ─► data ─► base + method + head ─► tokens ─► fit ─► score ─► adapter, result, report

Whatever can be wrong with the input is found before the run folder appears. From then on the
folder is enough: `resume` makes the same objects again and hands them to the same `_run`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from loratory.errors import RunInterruptedError
from loratory.inference.examples import keep_examples
from loratory.inference.frozen import Frozen
from loratory.inference.looks import Looks
from loratory.inference.materials import Materials
from loratory.inference.plan import run_outline, run_plan
from loratory.inference.references import told_of_idle_rewards, with_references
from loratory.inference.result import RunInput, run_result
from loratory.inference.run_environment import run_environment
from loratory.inference.selection import check_selection, refuse_sweep
from loratory.inference.shown import write_shown
from loratory.inference.teaching import objective, with_extra, with_teaching
from loratory.inference.tuned import Tuned, keep_adapter, load_run
from loratory.methods.trained import load_trained, trained_parameters
from loratory.recipe.load import dump_recipe, load_recipe
from loratory.recipe.schema import Recipe
from loratory.recipe.track import TrackerKind
from loratory.runs.atomic import disk_errors, write_file
from loratory.runs.folder import RunFolder
from loratory.runs.identity import differences, require_same, settings
from loratory.runs.json_files import read_json, write_json
from loratory.runs.log import RunLog, read_events
from loratory.runs.published import open_published
from loratory.track.mirror import Mirrors
from loratory.track.points import tracker_folder
from loratory.track.tracker import how_to_look, require_installed
from loratory.train.checkpoint import TrainState, read_trained
from loratory.train.fit import Fit
from loratory.train.longest import fitting_tokens, memory_errors
from loratory.train.loop import Plan
from loratory.train.memory import forget_peaks, peaks
from loratory.train.stop import stop_signals

Watch = Callable[[str, dict[str, Any]], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Run:
    """A run folder and its result."""

    path: Path
    result: dict[str, Any]

    @property
    def recipe(self) -> Recipe:
        """The run's own recipe, with all that it left to the data."""
        return load_recipe(RunFolder(self.path).recipe)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics on the split that the report is about."""
        return dict(self.result["metrics"])

    @property
    def intervals(self) -> dict[str, list[float]]:
        """Each metric's 95 % interval."""
        return dict(self.result["intervals"])

    @property
    def looks(self) -> dict[TrackerKind, str]:
        """The command that shows, or uploads, the run's mirror in each tracker it has one in."""
        track = self.recipe.track
        where = tracker_folder(RunFolder(self.path), track)
        return {kind: how_to_look(kind, where) for kind in track.to}

    def load(self) -> Tuned:
        """Return the tuned network, to predict with."""
        return load_run(self.path)


@memory_errors()
def train(
    recipe: Recipe,
    *,
    out: Path | None = None,
    watch: Watch = lambda *_: None,
    materials: Materials | None = None,
    stop: Stop = lambda: False,
) -> Run:
    """Run `recipe` in a new folder and return the run.

    `materials` reads what the recipe names; one that keeps it serves several runs. `stop` is asked
    after each step whether to stop, as a signal does.

    Raises:
        LoratoryError: the input is wrong, or the machine fails; the message says what to do.
        RunInterruptedError: a signal asked to stop; the run is saved.
    """
    forget_peaks()
    tuned, given = prepare(recipe, materials or Materials())
    tuned = _fitted(tuned, given)
    frozen = Frozen(tuned, given.encodings)
    made_of = {"settings": settings(tuned.recipe), **run_environment(frozen, given)}
    with RunFolder.begun(recipe.name or "run", out=out) as folder:
        write_json(folder.environment, made_of)
        write_shown(folder.shown, given.dataset, given.encodings)
        # Last, because a folder with a recipe is a run.
        write_file(folder.recipe, dump_recipe(tuned.recipe))
        return _run(frozen, given, folder, watch, stop)


@memory_errors()
def resume(
    path: Path,
    *,
    watch: Watch = lambda *_: None,
    materials: Materials | None = None,
    stop: Stop = lambda: False,
) -> Run:
    """Go on with a run from its last checkpoint, bit for bit; a finished one is returned as it is.

    What a kill has kept from one at its very end, the report above all, is made up for.

    Raises:
        RunError: RUN-MISMATCH, when settings, data or base are not what the run began with.
        LoratoryError, RunInterruptedError: as `train`.
    """
    forget_peaks()
    folder = RunFolder.open(path)
    with folder.owned():
        if folder.result.is_file() and folder.report.is_file():
            return Run(folder.path, read_json(folder.result))
        recipe = load_recipe(folder.recipe)
        if folder.result.is_file():
            mirrors = Mirrors(recipe.track, folder)
            mirrors.begin()
            return _closed(folder, mirrors, watch)
        before = read_json(folder.environment)
        require_same(before["settings"], settings(recipe), at=str(folder.recipe))
        training = recipe.training.model_copy(update=before["compute"])
        recipe = recipe.model_copy(update={"training": training})
        tuned, given = prepare(recipe, materials or Materials(), folder)
        frozen = Frozen(tuned, given.encodings)
        now = run_environment(frozen, given)
        require_same(before["digests"], now["digests"], at=str(folder.environment))
        with disk_errors(folder.report):
            folder.report.unlink(missing_ok=True)  # that of a stop, which is not the run's last
        return _run(frozen, given, folder, watch, stop, notes=differences(before, now))


def prepare(
    recipe: Recipe, materials: Materials, folder: RunFolder | None = None
) -> tuple[Tuned, RunInput]:
    """Read the data, then the base; check all there is to check.

    Of a run that goes on, `folder` holds what need not be found again.

    Raises:
        LoratoryError: the input is wrong.
    """
    refuse_sweep(recipe)
    require_installed(recipe.track.to)
    recipe, dataset = materials.rows(recipe)
    tuned = materials.untrained(recipe).showing(dataset.examples)
    encodings = materials.encodings(tuned, dataset)
    check_selection(tuned, has_validation="validation" in encodings)
    return tuned, with_extra(tuned, RunInput(dataset, encodings), folder)


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
    frozen: Frozen,
    given: RunInput,
    folder: RunFolder,
    watch: Watch,
    stop: Stop,
    notes: Sequence[str] = (),
) -> Run:
    """Train to the end and account for it; `folder` is owned, and may hold an earlier part."""
    tuned = frozen.tuned
    mirrors = Mirrors(tuned.recipe.track, folder)
    with RunLog(folder.log) as log, stop_signals(stop) as stop_asked, mirrors:

        def tell(event: str, /, **values: Any) -> None:
            entry = log.write(event, **values)
            watch(event, values)
            for problem in mirrors.follow(entry):
                tell("warning", message=problem)

        # To the log a start takes the place of everything before it.
        is_new = open_published(folder.last) is None
        tell("start" if is_new else "continue", **run_outline(tuned, given))
        if tuned.rounded is not None:
            tell("quantization", **asdict(tuned.rounded))
        for note in (*notes, *tuned.notes):
            tell("warning", message=note)
        frozen.keep(tell)
        given = with_references(tuned, given, folder, tell)
        given = with_teaching(tuned, given, folder, tell, stop_asked)
        plan = run_plan(tuned, given)
        looks = Looks(tuned, given, folder, tell)
        looks.before_training()
        network, validation = tuned.base.network, looks.validation()
        telling = told_of_idle_rewards(tell)
        fit = Fit(network, objective(tuned), plan, folder, telling, validation, stop_asked)
        state = fit.run()
        tell("stop", reason=_reason(state, plan), step=state.step, **peaks(tuned.compute.device))
        if not state.finished:
            _report_so_far(folder, watch)
            raise _interrupted(folder, state, plan)
        _take_best(tuned, folder)
        looks.after_training(step=state.step, epoch=state.step / max(plan.steps_per_epoch, 1))
        keep_adapter(tuned, folder)
    # Nothing is computed with it any more; its memory serves the baselines and the plots.
    network.kept = None
    network.to("meta")
    result = run_result(tuned, given, folder, state, read_events(folder.log))
    keep_examples(given, folder, tuned.recipe.task)
    write_json(folder.result, result)
    return _closed(folder, mirrors, watch)


def _closed(folder: RunFolder, mirrors: Mirrors, watch: Watch) -> Run:
    """Tell the mirrors the result and write the report: it is last, so that it stands for all."""
    run = Run(folder.path, read_json(folder.result))
    for problem in mirrors.finish(run.result):
        watch("warning", {"message": problem})
    _write_report(folder)
    return run


def _report_so_far(folder: RunFolder, watch: Watch) -> None:
    """Write the report of a run that was stopped; without one it is saved all the same."""
    try:
        _write_report(folder)
    except Exception as error:  # noqa: BLE001 - what ends the run is that it was asked to stop
        watch("warning", {"message": f"there is no report of the run so far: {error}"})


def _write_report(folder: RunFolder) -> None:
    from loratory.report.write import write_report  # the plots' library, once training is over

    write_report(folder.path)


def _take_best(tuned: Tuned, folder: RunFolder) -> None:
    """Put the best weights into the network; the last stay where nothing was compared."""
    best = open_published(folder.best)
    if best is not None:
        load_trained(tuned.base.network, read_trained(best.path))


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
