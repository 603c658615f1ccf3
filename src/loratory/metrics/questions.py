"""The complete account of answers found in a context, from their prediction lines.

A line's prediction is what the model says in the end: "" where it says that there is no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loratory.errors import DataError
from loratory.metrics.classification import Floats
from loratory.metrics.intervals import mean_intervals
from loratory.metrics.predictions import Prediction
from loratory.metrics.squad import Version, score_rows

_FIX = "evaluate the run again on questions with their right answers"


@dataclass(frozen=True)
class QuestionScores:
    """How good answers are, and how sure one can be of it."""

    metrics: dict[str, float]
    """Shares between 0 and 1. exact_match and f1; by v2.0's rules also has_answer_exact_match,
    has_answer_f1 and no_answer_accuracy, of those questions that there are."""

    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap interval of each metric, over the questions that it is of."""

    counts: dict[str, int]
    """Questions, and how many of them are answerable and unanswerable."""


def evaluate_questions(predictions: Sequence[Prediction], *, version: Version) -> QuestionScores:
    """Return the metrics of predictions by the rules of a version of SQuAD, with their intervals.

    Raises:
        DataError: there are no predictions (DATA-EMPTY), one lacks its right answers (EVAL-MISSING,
            EVAL-TYPE), an id is given twice (DATA-ID), or a question has no answer although the
            version is 1.1 (DATA-VERSION).
    """
    golds = right_answers(predictions)
    texts = {line.id: line.prediction for line in predictions}
    rows = score_rows(golds, texts, version=version)
    some, none = rows.answerable, ~rows.answerable
    parts: list[dict[str, Floats]] = [{"exact_match": rows.exact_match, "f1": rows.f1}]
    if version == "2.0" and some.any():
        parts.append(
            {"has_answer_exact_match": rows.exact_match[some], "has_answer_f1": rows.f1[some]}
        )
    if none.any():
        parts.append({"no_answer_accuracy": rows.exact_match[none]})
    return QuestionScores(
        metrics={name: float(values.mean()) for part in parts for name, values in part.items()},
        intervals={name: ends for part in parts for name, ends in mean_intervals(part).items()},
        counts={
            "questions": len(some),
            "answerable": int(some.sum()),
            "unanswerable": int(none.sum()),
        },
    )


def right_answers(predictions: Sequence[Prediction]) -> dict[str, tuple[str, ...]]:
    """Return the right answers of each question, by id.

    Raises:
        DataError: a line lacks its right answers (EVAL-MISSING), has something else in their place
            (EVAL-TYPE), or an id that was given before (DATA-ID).
    """
    golds: dict[str, tuple[str, ...]] = {}
    for line in predictions:
        if line.target is None:
            raise DataError(
                "EVAL-MISSING", "a question has no right answers to score by", at=line.id, fix=_FIX
            )
        if isinstance(line.target, str):
            raise DataError(
                "EVAL-TYPE",
                "a question's target has the wrong type",
                at=line.id,
                got=line.target,
                expected="the list of its right answers",
                fix=_FIX,
            )
        if line.id in golds:
            raise DataError(
                "DATA-ID", "a question's id is given twice", at=line.id, fix="keep one line per id"
            )
        golds[line.id] = line.target
    return golds
