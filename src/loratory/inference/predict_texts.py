"""Predict what nobody has labelled: texts given one by one, or a file of texts or questions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loratory.data.unlabelled import read_questions, read_texts
from loratory.errors import ConfigError
from loratory.inference.tuned import Tuned, load_run
from loratory.metrics.predictions import Prediction
from loratory.recipe.load import load_recipe
from loratory.runs.folder import RunFolder


def predict_texts(run: Path, texts: Sequence[str]) -> list[Prediction]:
    """Return a prediction for each text, in order; ids count from 0.

    Raises:
        ConfigError: the run models plain text and answers nothing (CFG-VALUE).
        DataError: a text that the model cannot read, with its place.
    """
    return _answering(run).predict(texts)


def predict_file(run: Path, file: Path, *, column: str | None = None) -> list[Prediction]:
    """Return a prediction for each row of `file`, in order.

    Ids are the places in the file; of questions that have ids, their own.

    Raises:
        ConfigError: as `predict_texts`, or a column is named for a file of questions (CFG-USAGE).
        DataError: the file or a row of it cannot be read.
    """
    tuned = _answering(run)
    if tuned.recipe.task.reads == "questions":
        if column is not None:
            raise ConfigError(
                "CFG-USAGE",
                "a file of questions has no column of texts",
                at="command line: --column",
                fix="leave --column out: questions are read from the columns question and context",
            )
        return tuned.predict_rows(read_questions(file))
    texts = read_texts(file, column or tuned.recipe.data.text)
    predictions = tuned.predict([text.text for text in texts])
    return [replace(line, id=text.place) for line, text in zip(predictions, texts, strict=True)]


def _answering(run: Path) -> Tuned:
    """Load a run whose task has answers; of plain text there is only more text."""
    recipe = load_recipe(RunFolder.open(run).recipe)
    if recipe.task.reads == "texts":
        raise ConfigError(
            "CFG-VALUE",
            "a run of task text writes on after a text and predicts nothing about it",
            at="command line: RUN",
            got=str(run),
            expected="a run of another task",
            fix=f'loratory generate {run} "a beginning", or score texts with '
            f"loratory evaluate {run} --file F",
        )
    return load_run(run)
