"""95 % intervals by the percentile bootstrap over rows.

Drawing n rows with replacement and counting them into a confusion matrix is one draw from the
multinomial distribution over its cells, with their shares as probabilities: the same distribution
without touching a row. Efron 1979, doi:10.1214/aos/1176344552.
"""

import numpy as np

from loratory.metrics.classification import Counts, classification_metrics

_SEED = 0  # the same rows have the same intervals, in every run
_ROUNDS = 20
_DRAWS_PER_ROUND = 100  # the draws of one round are in memory at once, [100, classes, classes]
_PERCENTILES = (2.5, 97.5)


def classification_intervals(confusion: Counts) -> dict[str, tuple[float, float]]:
    """Return the interval of each metric of a confusion matrix `[classes, classes]`.

    2,000 resamples. Where all rows fall into one cell the interval has no width: resampling cannot
    show what was never seen.
    """
    generator = np.random.default_rng(_SEED)
    rows = int(confusion.sum())
    shares = confusion.ravel() / rows
    draws = [
        classification_metrics(
            generator.multinomial(rows, shares, size=_DRAWS_PER_ROUND).reshape(-1, *confusion.shape)
        )
        for _ in range(_ROUNDS)
    ]
    return {name: _interval([draw[name] for draw in draws]) for name in draws[0]}


def _interval(values: list[np.ndarray]) -> tuple[float, float]:
    low, high = np.percentile(np.concatenate(values), _PERCENTILES)
    return float(low), float(high)
