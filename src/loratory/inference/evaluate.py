"""Score a finished run again: on a split of its data, or on further rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loratory.data.load import load_file
from loratory.data.rows import Dataset
from loratory.errors import DataError
from loratory.inference.opened import open_model
from loratory.inference.precision import in_precision
from loratory.inference.references import referred_by_run
from loratory.metrics.predictions import Prediction, read_predictions, write_predictions
from loratory.metrics.squad_scripts import script_numbers
from loratory.recipe.schema import SpanQATask, TaskSection, task_labels
from loratory.runs.folder import RunFolder
from loratory.tasks.given import check_rows, given_rows

_DIGITS = 8  # of the digest of a file's rows, where its name alone is taken


@dataclass(frozen=True)
class RunScores:
    """How good a run is on some rows."""

    split: str
    rows: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    predictions: Path
    """Where the prediction lines were written."""

    warnings: tuple[str, ...]
    squad_script: dict[str, float]
    """Of answers found in a context, what SQuAD's own script would print, in percent."""


def evaluate_run(
    run: Path,
    *,
    split: str | None = None,
    file: Path | None = None,
    precision: str | None = None,
) -> RunScores:
    """Predict and score the rows of `split`, or of a labelled `file`, and keep the predictions.

    Without either: the test split where there is one, else validation. `precision` is another
    number format than the one the run was trained in; its predictions are kept beside. So are those
    of a file that is called as one before it and holds other rows: a digest of them is in the name.

    Raises:
        ConfigError: the run cannot be read in this format (CFG-PRECISION).
        RunError: the run has not finished.
        DataError: the data has no such split, or a row cannot be used.
    """
    folder = RunFolder.open(run)
    tuned = open_model(run, overrides=in_precision(run, precision))
    beside = f"-{precision}" if precision else ""
    if file is not None:
        recipe = tuned.recipe
        dataset = load_file(str(file), recipe.data, recipe.task.reads, task_labels(recipe.task))
        check_rows(recipe, dataset)
        name, kept = "file", f"file-{file.stem}"
    else:
        # A run may have left out splits that its data has, to be scored once all is chosen.
        data = tuned.recipe.data.model_copy(update={"splits": None})
        _, dataset = given_rows(tuned.recipe.model_copy(update={"data": data}))
        name = split or ("test" if "test" in dataset.splits else "validation")
        kept = name
    rows = dataset.rows(name)
    encoding = referred_by_run(tuned, folder, name, tuned.task.encode(rows))
    found = tuned.evaluate(rows, encoding)
    path = folder.predictions(f"{kept}{beside}")
    if file is not None and _is_of_other_rows(path, found.predictions):
        path = folder.predictions(f"{kept}-{dataset.digest[name][:_DIGITS]}{beside}")
    write_predictions(path, found.predictions)
    return RunScores(
        split=name,
        rows=len(rows),
        metrics=found.scores.metrics,
        intervals=found.scores.intervals,
        predictions=path,
        warnings=(*_warnings(dataset, name), *encoding.notes),
        squad_script=_by_script(tuned.recipe.task, found.predictions),
    )


def _is_of_other_rows(path: Path, predictions: Sequence[Prediction]) -> bool:
    """Return whether prediction lines are kept there of other rows than these."""
    try:
        kept = read_predictions(path)
    except DataError:  # none is there, or none that can be read: nothing is lost
        return False
    of_kept, of_these = (
        [(line.id, line.text, line.target, line.group) for line in lines]
        for lines in (kept, predictions)
    )
    return of_kept != of_these


def _by_script(task: TaskSection, lines: Sequence[Prediction]) -> dict[str, float]:
    if not isinstance(task, SpanQATask):
        return {}
    return script_numbers(lines, version="2.0" if task.unanswerable else "1.1")


def _warnings(dataset: Dataset, split: str) -> tuple[str, ...]:
    trained_on = ("the model was trained on these rows",) if split == "train" else ()
    return (*trained_on, *dataset.warnings)
