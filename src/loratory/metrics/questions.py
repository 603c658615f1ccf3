"""The complete account of answers found in a context, from their prediction lines.

A line's prediction is what the model says in the end: "" where it says that there is no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loratory.errors import DataError
from loratory.metrics.paired import intervals_of_run
from loratory.metrics.parts import Part, RowSums, clusters_of, part_sums
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
    """95 % bootstrap interval of each metric; questions on one paragraph are drawn together."""

    counts: dict[str, int]
    """Questions, and how many of them are answerable and unanswerable."""


def evaluate_questions(predictions: Sequence[Prediction], *, version: Version) -> QuestionScores:
    """Return the metrics of predictions by the rules of a version of SQuAD, with their intervals.

    Raises:
        DataError: there are no predictions (DATA-EMPTY), one lacks its right answers (EVAL-MISSING,
            EVAL-TYPE), an id is given twice (DATA-ID), or a question has no answer although the
            version is 1.1 (DATA-VERSION).
    """
    sums = question_sums(predictions, version=version)
    answerable = sum(bool(line.target) for line in predictions)
    return QuestionScores(
        metrics={name: found.value for name, found in sums.items()},
        intervals=intervals_of_run(sums, clusters_of(predictions)),
        counts={
            "questions": len(predictions),
            "answerable": answerable,
            "unanswerable": len(predictions) - answerable,
        },
    )


def question_sums(predictions: Sequence[Prediction], *, version: Version) -> dict[str, RowSums]:
    """Return the metrics of all questions and, by v2.0's rules, of those with and without answer.

    Those of which there is no question are left out.

    Raises:
        DataError: as `evaluate_questions`.
    """
    golds = right_answers(predictions)
    rows = score_rows(golds, {line.id: line.prediction for line in predictions}, version=version)
    some, exact, overlap = rows.answerable, rows.exact_match, rows.f1
    parts = [Part(np.ones_like(some), {"exact_match": exact, "f1": overlap})]
    if version == "2.0" and some.any():
        found = {"has_answer_exact_match": exact[some], "has_answer_f1": overlap[some]}
        parts.append(Part(some, found))
    if not some.all():
        parts.append(Part(~some, {"no_answer_accuracy": exact[~some]}))
    return part_sums(parts)


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
