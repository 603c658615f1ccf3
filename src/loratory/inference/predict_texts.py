"""Predict what nobody has labelled: texts given one by one, or a file of texts or questions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loratory.data.unlabelled import read_questions, read_texts
from loratory.inference.tuned import load_run
from loratory.metrics.predictions import Prediction


def predict_texts(run: Path, texts: Sequence[str]) -> list[Prediction]:
    """Return a prediction for each text, in order; ids count from 0.

    Raises:
        DataError: a text that the model cannot read, with its place.
    """
    return load_run(run).predict(texts)


def predict_file(run: Path, file: Path, *, column: str | None = None) -> list[Prediction]:
    """Return a prediction for each row of `file`, in order.

    Ids are the places in the file; of questions that have ids, their own.

    Raises:
        DataError: the file or a row of it cannot be read.
    """
    tuned = load_run(run)
    if tuned.recipe.task.reads == "questions":
        return tuned.predict_rows(read_questions(file))
    texts = read_texts(file, column or tuned.recipe.data.text)
    predictions = tuned.predict([text.text for text in texts])
    return [replace(line, id=text.place) for line, text in zip(predictions, texts, strict=True)]
