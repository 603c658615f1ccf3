"""How well a model tells chosen from rejected answers, from its prediction lines.

    rewards/accuracies   share of pairs whose chosen answer has the higher reward; ties are none
    rewards/margins      mean reward of the chosen less that of the rejected answer
    rewards/chosen, rewards/rejected, logps/chosen, logps/rejected      means over the pairs
    ranking_accuracy     share of pairs whose chosen answer is the likelier one: of the model
                         itself, whatever a reference says (Chen et al. 2024, arXiv:2405.19534)

Rewards as TRL has them: of summed log-ratios to the reference, or without one, beta times the mean
log-probability of a token. A line's rewards and log-probabilities are its scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loratory.errors import DataError
from loratory.metrics.baselines import Baseline
from loratory.metrics.classification import Floats
from loratory.metrics.intervals import mean_intervals
from loratory.metrics.predictions import Prediction

UNREFERRED_METRICS = (
    "rewards/accuracies",
    "rewards/margins",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
)
PREFERENCE_METRICS = (*UNREFERRED_METRICS, "ranking_accuracy")

MARGIN = 1e-6
"""A smaller margin, as a share of beta and the log-probabilities that it is made of, is rounding:
a model and its reference say the same before training, however their rows were computed."""

_CHOSEN, _REJECTED, _NEITHER = "chosen", "rejected", "neither"
_FIX = "evaluate the run again"


@dataclass(frozen=True)
class PairScores:
    """How well pairs are told apart, and how sure one can be of it."""

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap interval of each metric, over pairs."""


def preference_line(
    row_id: str, prompt: str, said: Mapping[str, tuple[float, float]], *, beta: float
) -> Prediction:
    """Return a pair's line: which answer has the higher reward, or neither.

    `said` are numbers of the chosen and of the rejected answer: their reward, logp and tokens, and
    the reference's log-probability where there is one.
    """
    scores = {
        f"{what}_{which}": value
        for what, values in said.items()
        for which, value in zip((_CHOSEN, _REJECTED), values, strict=True)
    }
    sizes = zip(said["logp"], said["tokens"], strict=True)
    size = sum(abs(logp) / (1 if "reference" in said else tokens) for logp, tokens in sizes)
    chosen, rejected = said["reward"]
    least = MARGIN * beta * size
    winner = _NEITHER
    if abs(chosen - rejected) > least:
        winner = _CHOSEN if chosen > rejected else _REJECTED
    return Prediction(row_id, prompt, _CHOSEN, winner, scores)


def evaluate_preferences(predictions: Sequence[Prediction], *, referred: bool) -> PairScores:
    """Return the metrics of pairs' lines, `referred` where their rewards are over a reference.

    Raises:
        DataError: there are no lines (DATA-EMPTY), or one lacks a score (EVAL-MISSING).
    """
    values = pair_values(predictions, referred=referred)
    return PairScores(
        {name: float(column.mean()) for name, column in values.items()}, mean_intervals(values)
    )


def pair_values(predictions: Sequence[Prediction], *, referred: bool) -> dict[str, Floats]:
    """Return each metric's value for each pair, `[pairs]` each.

    Raises:
        DataError: as `evaluate_preferences`.
    """
    rewards = _columns(predictions, "reward")
    logps = _columns(predictions, "logp")
    if not referred:
        logps = logps / _columns(predictions, "tokens")
    margins = rewards[:, 0] - rewards[:, 1]
    values = {
        "rewards/accuracies": np.array([line.prediction == _CHOSEN for line in predictions]),
        "rewards/margins": margins,
        "rewards/chosen": rewards[:, 0],
        "rewards/rejected": rewards[:, 1],
        "logps/chosen": logps[:, 0],
        "logps/rejected": logps[:, 1],
    }
    if referred:
        values["ranking_accuracy"] = logps[:, 0] > logps[:, 1]
    return {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}


def reference_baseline(predictions: Sequence[Prediction]) -> Baseline:
    """Return how often the reference finds the chosen answer likelier than the rejected one."""
    logps = _columns(predictions, "reference")
    return _accuracy("untuned base", logps[:, 0] > logps[:, 1])


def length_baseline(train: Sequence[tuple[str, str]], rows: Sequence[tuple[str, str]]) -> Baseline:
    """Return how often the longer answer is the chosen one; the shorter, if `train` says so.

    Rows are a chosen and a rejected answer.
    """
    longer = sum(np.sign(len(chosen) - len(rejected)) for chosen, rejected in train)
    sign = -1 if longer < 0 else 1
    name = f"the {'longer' if sign > 0 else 'shorter'} answer"
    return _accuracy(name, np.array([sign * (len(c) - len(r)) > 0 for c, r in rows]))


def _accuracy(name: str, right: NDArray[np.bool_]) -> Baseline:
    """Return a baseline that has a winner of each pair and no rewards."""
    values = {"rewards/accuracies": np.asarray(right, dtype=np.float64)}
    means = {metric: float(column.mean()) for metric, column in values.items()}
    return Baseline(name, means, mean_intervals(values))


def _columns(predictions: Sequence[Prediction], what: str) -> Floats:
    """Return what each line says of the chosen and the rejected answer, `[pairs, 2]`."""
    if not predictions:
        raise DataError("DATA-EMPTY", "there are no predictions to score", fix=_FIX)
    names = (f"{what}_{_CHOSEN}", f"{what}_{_REJECTED}")
    for line in predictions:
        if missing := [name for name in names if name not in line.scores]:
            raise DataError("EVAL-MISSING", f"a pair has no {missing[0]}", at=line.id, fix=_FIX)
    return np.array([[line.scores[name] for name in names] for line in predictions])
