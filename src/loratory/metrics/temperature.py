"""Temperature: one number that makes a classifier as sure as it is right, and changes no answer.

    p_T(class) ∝ exp(z(class) / T) ∝ p(class)^(1 / T)

T is where the negative log-likelihood of held-out rows is lowest. In 1 / T that is a convex
function, and Newton's method, kept within a shrinking bracket, finds its lowest point.
Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from loratory.metrics.classification import Counts, Floats
from loratory.metrics.predictions import Prediction

TEMPERATURE = "temperature"
"""Its name among what is chosen after training."""

_HIGHEST = 20.0  # and 1 / 20 is the lowest: beyond, probabilities are of no use to anybody
_LEAST = 1e-38  # a probability that float32 holds as 0
_ENOUGH = 1e-10
_STEPS = 100


def fitted_temperature(probabilities: Floats, targets: Counts) -> float:
    """Return the temperature at which the targets `[rows]` are likeliest, between 1/20 and 20.

    `probabilities` are those at temperature 1, `[rows, classes]`.
    """
    scores = _scores(probabilities)
    low, high = 1 / _HIGHEST, _HIGHEST
    sharpness = 1.0
    for _ in range(_STEPS):
        slope, curvature = _derivatives(scores, targets, sharpness)
        low, high = (low, sharpness) if slope > 0 else (sharpness, high)
        step = sharpness - slope / curvature if curvature > 0 else low
        before, sharpness = sharpness, step if low < step < high else (low + high) / 2
        if abs(sharpness - before) < _ENOUGH * sharpness:
            break
    return 1 / sharpness


def careful_temperature(probabilities: Floats, targets: Counts) -> float:
    """Return `fitted_temperature`, but 1 where it gains less than two standard errors over that.

    The gain is that in log-likelihood, row by row. Where every row is right, sharper is always
    better and says nothing of rows that are not: that is 1, too.
    """
    if bool((probabilities.argmax(axis=1) == targets).all()):
        return 1.0
    best = fitted_temperature(probabilities, targets)
    scores = _scores(probabilities)
    gains = _losses(scores, targets, 1.0) - _losses(scores, targets, 1 / best)
    error = float(gains.std(ddof=1)) / len(gains) ** 0.5 if len(gains) > 1 else float("inf")
    return best if float(gains.mean()) > 2 * error else 1.0


def settled_temperature(lines: Sequence[Prediction], labels: Sequence[str]) -> dict[str, float]:
    """Return the careful temperature of prediction lines that know their targets, by its name."""
    numbers = {label: number for number, label in enumerate(labels)}
    known = [line for line in lines if isinstance(line.target, str)]
    if not known:
        return {}
    probabilities = np.array([[line.scores[label] for label in labels] for line in known])
    targets = np.array([numbers[str(line.target)] for line in known])
    return {TEMPERATURE: careful_temperature(probabilities, targets)}


def at_temperature(scores: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Return the probabilities of candidates, given those at temperature 1; 1/T undoes T."""
    if temperature == 1:
        return dict(scores)
    logs = np.log(np.maximum(np.array([*scores.values()]), _LEAST)) / temperature
    powers = np.exp(logs - logs.max())
    return dict(zip(scores, (powers / powers.sum()).tolist(), strict=True))


def _scores(probabilities: Floats) -> Floats:
    return np.log(np.maximum(probabilities.astype(np.float64), _LEAST))


def _losses(scores: Floats, targets: Counts, sharpness: float) -> Floats:
    """Return -log p(target) of each row at temperature 1 / sharpness, `[rows]`."""
    sharp = scores * sharpness
    highest = sharp.max(axis=1)
    totals = np.log(np.exp(sharp - highest[:, None]).sum(axis=1)) + highest
    losses: Floats = totals - sharp[np.arange(len(targets)), targets]
    return losses


def _derivatives(scores: Floats, targets: Counts, sharpness: float) -> tuple[float, float]:
    """Return the first two derivatives of the mean loss by the sharpness."""
    sharp = scores * sharpness
    powers = np.exp(sharp - sharp.max(axis=1, keepdims=True))
    weights = powers / powers.sum(axis=1, keepdims=True)
    means = (weights * scores).sum(axis=1)
    slope = (means - scores[np.arange(len(targets)), targets]).mean()
    curvature = ((weights * scores**2).sum(axis=1) - means**2).mean()
    return float(slope), float(curvature)
