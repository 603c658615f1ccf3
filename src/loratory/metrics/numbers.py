"""The complete account of problems whose answer is a number, from their prediction lines.

The number that a text gives as its answer is read off by rule:

    where it says `answer:` or `answer is`    the last number in the rest of that sentence; of
                                              several such sentences, the first
    elsewhere                                 the last number of the text

A line's end ends the sentence too, unless nothing has been said in it since. A number may have a
minus (either character for it), decimals and commas between thousands; what stands around it, such
as a currency or a full stop, is no part of it. It is right if it equals the right answer exactly:
4, 4.0 and 4.00 are the same, 4.01 is another.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from loratory.errors import DataError
from loratory.metrics.baselines import Baseline
from loratory.metrics.classification import Floats
from loratory.metrics.intervals import mean_intervals
from loratory.metrics.predictions import Prediction

_SAYS = re.compile(r"\banswer\b(?:\s+is\b|\s*:)[\s:]*(?P<rest>.*)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_NUMBER = re.compile(r"(?<![\w.])[-\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?!\d)")
_FIX = "evaluate the run again on problems with their answers"


@dataclass(frozen=True)
class NumberScores:
    """How many answers are right, and how sure one can be of it."""

    metrics: dict[str, float]
    """accuracy, the share of right answers, and answered, the share that gives a number at all."""

    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap interval of each metric."""


def evaluate_numbers(predictions: Sequence[Prediction]) -> NumberScores:
    """Return the metrics of written answers to problems.

    Raises:
        DataError: there are no predictions (DATA-EMPTY), or one lacks its answer (EVAL-MISSING).
    """
    if not predictions:
        raise DataError("DATA-EMPTY", "there are no predictions to score", fix=_FIX)
    values = number_values(predictions)
    return NumberScores(
        metrics={name: float(column.mean()) for name, column in values.items()},
        intervals=mean_intervals(values),
    )


def number_values(predictions: Sequence[Prediction]) -> dict[str, Floats]:
    """Return each metric's value for each line, 0 or 1: `[rows]` each.

    Raises:
        DataError: a line lacks its answer (EVAL-MISSING).
    """
    found = [number_in(line.prediction) for line in predictions]
    right = [number == _target(line) for number, line in zip(found, predictions, strict=True)]
    given = [number is not None for number in found]
    return {
        "accuracy": np.array(right, dtype=np.float64),
        "answered": np.array(given, dtype=np.float64),
    }


def most_frequent_answer(train: Sequence[str], answers: Sequence[str]) -> Baseline:
    """Return what it scores to give the most frequent of the training answers to every problem."""
    number, _ = Counter(map(Fraction, train)).most_common(1)[0]
    right = np.array([Fraction(answer) == number for answer in answers], dtype=np.float64)
    values = {"accuracy": right, "answered": np.ones_like(right)}
    return Baseline(
        "most frequent answer",
        {name: float(column.mean()) for name, column in values.items()},
        mean_intervals(values),
    )


def number_in(text: str) -> Fraction | None:
    """Return the number that `text` gives as its answer, None where it gives none."""
    says = _SAYS.search(text)
    where = _SENTENCE_END.split(says["rest"])[0] if says else text
    numbers = _NUMBER.findall(where)
    try:
        return Fraction(numbers[-1].replace(",", "").replace("\u2212", "-")) if numbers else None
    except ValueError:  # Python reads no number of thousands of digits
        return None


def _target(line: Prediction) -> Fraction:
    if not isinstance(line.target, str):
        raise DataError("EVAL-MISSING", "a problem has no answer to score", at=line.id, fix=_FIX)
    return Fraction(line.target)
