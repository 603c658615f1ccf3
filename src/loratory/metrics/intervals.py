"""95 % intervals by the percentile bootstrap over rows.

Drawing n rows with replacement and counting them into a confusion matrix is one draw from the
multinomial distribution over its cells, with their shares as probabilities: the same distribution
without touching a row. Other metrics come from sums over the rows: of their values, or of counts
such as BLEU's matches and lengths. Efron 1979, doi:10.1214/aos/1176344552.
"""

from collections.abc import Callable, Mapping

import numpy as np

from loratory.metrics.classification import Counts, Floats, classification_metrics

_SEED = 0  # the same rows have the same intervals, in every run
_ROUNDS = 20
_DRAWS_PER_ROUND = 100  # the draws of one round are in memory at once, [100, classes, classes]
_DRAWN_TOGETHER = 100_000  # rows, of several resamples where there are few rows
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


def mean_intervals(values: Mapping[str, Floats]) -> dict[str, tuple[float, float]]:
    """Return the interval of the mean of each metric's values, one per row: `[rows]` each.

    The metrics' rows are the same ones, and are drawn together.
    """
    columns = np.column_stack(list(values.values()))
    rows = len(columns)
    return sum_intervals(
        columns, lambda sums: dict(zip(values, np.moveaxis(sums / rows, -1, 0), strict=True))
    )


def sum_intervals(
    columns: Counts | Floats, metrics: Callable[[Floats], dict[str, Floats]]
) -> dict[str, tuple[float, float]]:
    """Return the interval of each metric that comes from sums over rows.

    `columns` is `[rows, columns]`; `metrics` takes their sums, `[resamples, columns]`, and gives
    each metric's values, `[resamples]`.
    """
    sums = resampled_sums(columns)
    return {name: _interval([values]) for name, values in metrics(sums).items()}


def resampled_sums(columns: Counts | Floats) -> Floats:
    """Return the sums over rows in each of 2,000 resamples: `[rows, columns]` to `[2000, columns]`.

    The rows drawn depend on how many there are alone, so that runs on the same rows are paired.
    """
    generator = np.random.default_rng(_SEED)
    rows, width = columns.shape
    sums = np.empty((_ROUNDS * _DRAWS_PER_ROUND, width))
    together = max(1, _DRAWN_TOGETHER // rows)
    for start in range(0, len(sums), together):
        part = sums[start : start + together]
        drawn = generator.integers(rows, size=(len(part), rows))
        drawn += np.arange(len(part))[:, None] * rows
        times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        part[:] = times @ columns
    return sums


def _interval(values: list[Floats]) -> tuple[float, float]:
    low, high = np.percentile(np.concatenate(values), _PERCENTILES)
    return float(low), float(high)
