"""When a model should say that there is no answer: at a probability of it above a threshold.

What counts is the probability that there is none against that of the best answer alone, since a
question is worth answering only if that answer is likely enough. The threshold is chosen where it
is not scored: on rows that were kept aside for it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from loratory.errors import DataError
from loratory.metrics.classification import Floats
from loratory.metrics.squad import score_rows

_ROUNDING = 1e-9  # by which sums of the same numbers may differ with their order
_FIX = "give every question the probability, between 0 and 1, that it has no answer"


EVEN = 0.5
"""The threshold of a model whose probabilities can be taken at their word."""


def against_best(scores: Mapping[str, float]) -> float:
    """Return the probability of "", no answer, as if only it and the best answer were possible."""
    none = scores.get("", 0.0)
    best = max((score for text, score in scores.items() if text), default=0.0)
    return none / (none + best) if none else 0.0


def answer_or_none(text: str, no_answer: float, *, threshold: float) -> str:
    """Return the text, or "" where the probability of no answer is above the threshold."""
    return "" if no_answer > threshold else text


def best_threshold(
    golds: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer: Mapping[str, float],
) -> float:
    """Return the threshold within 0…1 at which the questions' F1, by v2.0's rules, is highest.

    `predictions` are the texts that the model would say, whatever the probability that there is no
    answer. Questions of the same probability stand or fall together, and the threshold lies midway
    between two probabilities. Of several that are as good it is the highest, which answers most.

    Raises:
        DataError: what `score_rows` refuses, or a probability is missing, the same for all
            questions, or not between 0 and 1 (EVAL-NAPROB).
    """
    rows = score_rows(golds, predictions, version="2.0")
    silent = score_rows(golds, dict.fromkeys(golds, ""), version="2.0")
    probabilities = checked_probabilities(golds, no_answer, distinct=True)
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    # What a threshold gains that lets the n surest questions be answered, n from none to all.
    gains = np.concatenate([[0.0], np.cumsum((rows.f1 - silent.f1)[order])])
    below, above = np.concatenate([[0.0], ordered]), np.concatenate([ordered, [1.0]])
    possible = below < above
    possible[-1] = True
    best = np.flatnonzero(possible & (gains >= gains[possible].max() - _ROUNDING))[-1]
    return _between(float(below[best]), float(above[best]))


def careful_threshold(
    golds: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer: Mapping[str, float],
) -> float:
    """Return `best_threshold`, but EVEN where it gains less than two standard errors over that.

    Few rows are kept aside, and the best of many thresholds on few rows is often no more than their
    chance. The standard error is that of the mean difference in F1, question by question.

    Raises:
        DataError: as `best_threshold`.
    """
    best = best_threshold(golds, predictions, no_answer)
    rows = score_rows(golds, predictions, version="2.0")
    silent = score_rows(golds, dict.fromkeys(golds, ""), version="2.0")
    probabilities = checked_probabilities(golds, no_answer, distinct=True)
    f1 = [np.where(probabilities > limit, silent.f1, rows.f1) for limit in (best, EVEN)]
    gains = f1[0] - f1[1]
    error = float(gains.std(ddof=1)) / len(gains) ** 0.5
    return best if float(gains.mean()) > 2 * error else EVEN


def checked_probabilities(
    golds: Mapping[str, Sequence[str]], no_answer: Mapping[str, float], *, distinct: bool
) -> Floats:
    """Return the probability that each question of `golds` has no answer, in its order.

    Raises:
        DataError: one is missing or not a number between 0 and 1, or all are the same although a
            threshold is to tell them apart (EVAL-NAPROB).
    """
    if missing := [id_ for id_ in golds if id_ not in no_answer]:
        raise DataError(
            "EVAL-NAPROB",
            f"{len(missing):,} of {len(golds):,} questions have no probability of no answer "
            f"(first: {missing[0]})",
            fix=_FIX,
        )
    for id_ in golds:
        if not _is_probability(no_answer[id_]):
            raise DataError(
                "EVAL-NAPROB",
                "a probability of no answer is out of range",
                at=id_,
                got="null" if no_answer[id_] is None else no_answer[id_],
                expected="a number between 0 and 1",
                fix=_FIX,
            )
    probabilities = np.array([no_answer[id_] for id_ in golds], dtype=np.float64)
    if distinct and len(probabilities) > 1 and probabilities.min() == probabilities.max():
        raise DataError(
            "EVAL-NAPROB",
            "all questions have the same probability of no answer, so no threshold tells them "
            "apart",
            got=float(probabilities[0]),
            expected="distinct numbers between 0 and 1",
            fix=_FIX,
        )
    return probabilities


def _is_probability(value: object) -> bool:
    # Written so that it fails for NaN, too.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _between(low: float, high: float) -> float:
    """Return the middle; the lower end where no number lies between."""
    middle = (low + high) / 2
    return middle if middle < high else low
