"""Predict what nobody has labelled: texts given one by one, or a file of texts or questions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loratory.data.unlabelled import read_questions, read_texts
from loratory.errors import ConfigError
from loratory.inference.opened import open_model
from loratory.inference.precision import in_precision
from loratory.inference.tuned import Tuned
from loratory.metrics.predictions import Prediction
from loratory.recipe.load import load_recipe
from loratory.runs.folder import RunFolder


def predict_texts(
    run: Path, texts: Sequence[str], *, precision: str | None = None
) -> list[Prediction]:
    """Return a prediction for each text, in order; ids count from 0.

    `precision` is another number format than the one the run was trained in.

    Raises:
        ConfigError: the run writes and answers nothing (CFG-VALUE), or not in this format
            (CFG-PRECISION).
        DataError: a text that the model cannot read, with its place.
    """
    return _answering(run, precision).predict(texts)


def predict_file(
    run: Path, file: Path, *, column: str | None = None, precision: str | None = None
) -> list[Prediction]:
    """Return a prediction for each row of `file`, in order.

    `column` is that of the texts, or problems; absent: the one that the run's own rows have. Ids
    are the places in the file; of questions that have ids, their own.

    Raises:
        ConfigError: as `predict_texts`, or a column is named for a file of questions (CFG-USAGE).
        DataError: the file or a row of it cannot be read.
    """
    tuned = _answering(run, precision)
    if tuned.recipe.task.reads == "questions":
        if column is not None:
            raise ConfigError(
                "CFG-USAGE",
                "a file of questions has no column of texts",
                at="command line: --column",
                fix="leave --column out: questions are read from the columns question and context",
            )
        return tuned.predict_rows(read_questions(file))
    usual = "problem" if tuned.recipe.task.reads == "problems" else tuned.recipe.data.text
    texts = read_texts(file, column or usual)
    predictions = tuned.predict([text.text for text in texts])
    return [replace(line, id=text.place) for line, text in zip(predictions, texts, strict=True)]


def _answering(run: Path, precision: str | None) -> Tuned:
    """Load a run whose task has answers; of plain text there is only more text."""
    recipe = load_recipe(RunFolder.open(run).recipe)
    if recipe.task.reads in ("texts", "pairs"):
        raise ConfigError(
            "CFG-VALUE",
            f"a run of task {recipe.task.kind} writes on after a text and predicts nothing of it",
            at="command line: RUN",
            got=str(run),
            expected="a run of another task",
            fix=f'loratory generate {run} "a beginning", or score rows with '
            f"loratory evaluate {run} --file F",
        )
    return open_model(run, overrides=in_precision(run, precision))
