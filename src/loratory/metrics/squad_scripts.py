"""The numbers that SQuAD's two official scripts print, in percent and under their names.

They are for comparison with published ones. v2.0's best_exact and best_f1 are those of the best
threshold for the very questions that are scored, so they flatter; and the script walks through the
questions one by one, so where some share a probability their order counts.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from loratory.metrics.classification import Floats
from loratory.metrics.no_answer import checked_probabilities
from loratory.metrics.predictions import Prediction
from loratory.metrics.questions import right_answers
from loratory.metrics.squad import Flags, Version, score_rows

_NONE = ""


def script_numbers(lines: Sequence[Prediction], *, version: Version) -> dict[str, float]:
    """Return what the script of this version prints about prediction lines.

    Of v2.0 the best thresholds are among it where the lines say how likely no answer is.

    Raises:
        DataError: what the functions below refuse.
    """
    golds, texts = right_answers(lines), {line.id: line.prediction for line in lines}
    if version == "1.1":
        return script_v1(golds, texts)
    numbers = script_v2(golds, texts)
    no_answer = {line.id: line.scores[_NONE] for line in lines if _NONE in line.scores}
    if len(set(no_answer.values())) > 1 and len(no_answer) == len(lines):
        # The best threshold decides alone: where none is likeliest, the next best answer is judged.
        spoken = {line.id: _likeliest_answer(line) for line in lines}
        numbers |= script_v2_best(golds, spoken, no_answer)
    return numbers


def script_v1(
    golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str]
) -> dict[str, float]:
    """Return exact_match and f1 as v1.1's script does.

    Raises:
        DataError: what `score_rows` refuses; the script would leave unanswered questions at 0.
    """
    rows = score_rows(golds, predictions, version="1.1")
    return {"exact_match": _percent(rows.exact_match), "f1": _percent(rows.f1)}


def script_v2(
    golds: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer: Mapping[str, float] | None = None,
    *,
    threshold: float = 1.0,
) -> dict[str, float]:
    """Return exact, f1 and total, of all and of the HasAns_ and NoAns_ parts that hold questions.

    Where the probability of no answer is above the threshold, none counts as predicted.

    Raises:
        DataError: what `score_rows` refuses, or a probability is missing or not between 0 and 1
            (EVAL-NAPROB).
    """
    rows = score_rows(golds, predictions, version="2.0")
    scores = {"exact": rows.exact_match, "f1": rows.f1}
    if no_answer is not None:
        silent = checked_probabilities(golds, no_answer, distinct=False) > threshold
        # The script's own rule: a question that has an answer is then wrong, even where all of its
        # answers normalise to nothing.
        scores = {
            name: np.where(silent, ~rows.answerable, values) for name, values in scores.items()
        }
    numbers = _part(scores, np.ones_like(rows.answerable), prefix="")
    numbers |= _part(scores, rows.answerable, prefix="HasAns_")
    return numbers | _part(scores, ~rows.answerable, prefix="NoAns_")


def script_v2_best(
    golds: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer: Mapping[str, float],
) -> dict[str, float]:
    """Return best_exact and best_f1, and the threshold of each, tuned on these very questions.

    Raises:
        DataError: what `score_rows` refuses, or a probability is missing, the same for all
            questions, or not between 0 and 1 (EVAL-NAPROB).
    """
    rows = score_rows(golds, predictions, version="2.0")
    checked_probabilities(golds, no_answer, distinct=True)
    place = {id_: row for row, id_ in enumerate(rows.ids)}
    # Equal probabilities keep the order in which they were given.
    walk = sorted((id_ for id_ in no_answer if id_ in place), key=lambda id_: no_answer[id_])
    order = np.array([place[id_] for id_ in walk])
    spoke = np.array([predictions[id_] != "" for id_ in walk])
    thresholds = [0.0, *(float(no_answer[id_]) for id_ in walk)]
    numbers = {}
    for name, values in (("exact", rows.exact_match), ("f1", rows.f1)):
        gains = np.where(rows.answerable[order], values[order], -spoke.astype(np.float64))
        reached = np.cumsum([np.count_nonzero(~rows.answerable), *gains])
        best = int(reached.argmax())  # the first of several
        numbers[f"best_{name}"] = float(100 * reached[best] / len(order))
        numbers[f"best_{name}_thresh"] = thresholds[best]
    return numbers


def _likeliest_answer(line: Prediction) -> str:
    return max(line.scores.keys() - {_NONE}, key=line.scores.__getitem__, default=_NONE)


def _part(scores: Mapping[str, Floats], chosen: Flags, *, prefix: str) -> dict[str, float]:
    if not chosen.any():
        return {}
    numbers = {prefix + name: _percent(values[chosen]) for name, values in scores.items()}
    return numbers | {f"{prefix}total": float(np.count_nonzero(chosen))}


def _percent(values: Floats) -> float:
    return float(100 * values.mean())
