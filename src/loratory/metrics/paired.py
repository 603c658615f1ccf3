"""Paired differences by the bootstrap: rows drawn again, the same ones for every run, and seeds.

An entry is a run, or several that differ in their seed alone; its value is the mean over its runs.
Rows are drawn with replacement, those that belong together (the questions of one paragraph) as one
cluster; runs of one entry are drawn with replacement, too. A difference has

    standard error    of the differences in 2,000 resamples
    interval          difference ± t · standard error, t at 97.5 %
    p-value           two-sided, of difference / standard error under that t distribution

with degrees of freedom by Welch and Satterthwaite from the shares that rows (clusters - 1) and each
entry's seeds (seeds - 1) have in the variance: two seeds tell next to nothing of their spread, and
the interval says so. Drawing k seeds out of k understates their variance by (k - 1) / k, so what a
draw departs from the mean is scaled by √(k / (k - 1)). What chance does to a run on one row counts
in both levels, which makes the interval a little wide, never narrow (Owen 2007).

Of one entry the interval is the percentiles of its resamples, widened by t in the same way.

Efron 1979, doi:10.1214/aos/1176344552; clusters: Field & Welsh 2007,
doi:10.1111/j.1467-9868.2007.00593.x; both levels: Owen 2007, doi:10.1214/07-AOAS122; the factor:
Rao & Wu 1988, doi:10.1080/01621459.1988.10478591.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.special import stdtr, stdtrit

from loratory.metrics.classification import Counts, Floats
from loratory.metrics.intervals import resampled_sums
from loratory.metrics.parts import RowSums

_SEED = 1  # of the draws of seeds; those of the rows have their own
_HIGH = 0.975
_NORMAL = 1.959963984540054  # the normal distribution's, where t's goes with many rows


@dataclass(frozen=True)
class Resampled:
    """An entry and what it would have been with other rows and other seeds."""

    value: float
    bounds: tuple[float, float]
    rows: Floats
    """In each resample of the rows, the mean over the entry's runs, `[resamples]`."""

    seeds: Floats
    """What drawing its runs again adds to that, `[resamples]`; zeros where there is one run."""

    runs: int
    clusters: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the value; without the seed's part where there is one run."""
        error = _error([self.rows], [self])
        if not error.freedom:
            return self.bounds
        draws = self.value + error.quantile / _NORMAL * (self.rows + self.seeds - self.value)
        low, high = np.clip(np.percentile(draws, (100 - 100 * _HIGH, 100 * _HIGH)), *self.bounds)
        return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """How much one entry differs from another, and whether that may be chance."""

    value: float
    interval: tuple[float, float]
    """95 %; infinite where a single cluster of rows says nothing about others."""

    p_value: float


def resampled(runs: Sequence[RowSums], clusters: Counts, *, entry: int) -> Resampled:
    """Return an entry of one run or several on the same rows.

    `clusters` has the number of each row's cluster, from 0 without a gap, `[rows]`; `entry` is the
    entry's own number, so that no two draw their runs alike.
    """
    amount = int(clusters.max()) + 1
    values = np.stack([run.metric(resampled_sums(_by_cluster(run, clusters))) for run in runs])
    rows = values.mean(axis=0)
    seeds = np.zeros_like(rows)
    if (count := len(runs)) > 1:
        drawn = np.random.default_rng((_SEED, entry)).integers(count, size=values.shape)
        departed = np.take_along_axis(values, drawn, axis=0).mean(axis=0) - rows
        seeds = departed * sqrt(count / (count - 1))
    value = float(np.mean([run.value for run in runs]))
    return Resampled(value, runs[0].bounds, rows, seeds, count, amount)


def intervals_of_run(
    sums: Mapping[str, RowSums], clusters: Counts
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each metric of a single run: the one that a comparison has."""
    return {name: resampled([own], clusters, entry=0).interval for name, own in sums.items()}


def paired_difference(first: Resampled, second: Resampled) -> Difference:
    """Return how much the first entry's value is above the second's, on the same rows."""
    value = first.value - second.value
    error = _error([first.rows, second.rows], [first, second])
    reach = error.quantile * error.size if error.freedom else inf
    # Were the two alike, all clusters would be on the same side as often as so many fair coins.
    least = 2.0 ** (1 - first.clusters)
    return Difference(
        value, (value - reach, value + reach), max(error.p_value(value), least) if value else 1.0
    )


@dataclass(frozen=True)
class _Error:
    """A standard error, and of how many degrees of freedom."""

    size: float
    freedom: float

    @property
    def quantile(self) -> float:
        """How many standard errors to each side hold 95 %."""
        return float(stdtrit(self.freedom, _HIGH))

    def p_value(self, value: float) -> float:
        """Return the chance of a value at least so far from 0."""
        if not self.freedom:
            return 1.0
        return 2 * float(stdtr(self.freedom, -abs(value) / self.size)) if self.size else 0.0


def _error(rows: Sequence[Floats], entries: Sequence[Resampled]) -> _Error:
    """Return the standard error of an entry, or of the first one less the second."""
    of_rows = rows[0] if len(rows) == 1 else rows[0] - rows[1]
    parts = [(float(of_rows.var(ddof=1)), entries[0].clusters - 1)]
    parts += [(float(entry.seeds.var(ddof=1)), entry.runs - 1) for entry in entries]
    known = [(variance, freedom) for variance, freedom in parts if variance > 0]
    variance = sum(part for part, _ in known)
    if not known or entries[0].clusters == 1:
        return _Error(0.0, float(entries[0].clusters - 1))
    return _Error(sqrt(variance), variance**2 / sum(part**2 / freedom for part, freedom in known))


def _by_cluster(run: RowSums, clusters: Counts) -> Floats:
    """Return the sums within each cluster, `[clusters, columns]`."""
    amount = int(clusters.max()) + 1
    if amount == len(clusters):
        return run.columns
    sums = np.zeros((amount, run.columns.shape[1]))
    np.add.at(sums, clusters, run.columns)
    return sums
