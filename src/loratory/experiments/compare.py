"""Compare runs on the same rows: which is better, by how much, and is it more than chance?

    predictions ─► each row's part in the metric ─► the same resamples of rows for every run
                ─► differences, p-values ─► Holm ─► letters, Pareto fronts

Everything comes from the files that the runs kept; no model is loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from pathlib import Path
from typing import Self

import numpy as np

from loratory.experiments.entries import (
    differing_settings,
    entry_labels,
    entry_name,
    grouped,
    mean_costs,
)
from loratory.experiments.given_runs import (
    GivenRun,
    common_metric,
    common_split,
    given_runs,
    metric_sums,
    same_rows,
)
from loratory.experiments.remarks import Drawn, remarks
from loratory.metrics.classification import Counts, Floats
from loratory.metrics.direction import lower_is_better
from loratory.metrics.holm import holm_adjusted
from loratory.metrics.letters import shared_letters
from loratory.metrics.mcnemar import mcnemar_p_value
from loratory.metrics.paired import Difference, Resampled, paired_difference, resampled
from loratory.metrics.pareto import on_front
from loratory.metrics.parts import RowSums, clusters_of
from loratory.metrics.predictions import Prediction
from loratory.report.comparison import FRONTS, SIGNIFICANT, Comparison, Entry, Pair, Test


def compare(
    runs: Sequence[str | Path],
    *,
    split: str | None = None,
    metric: str | None = None,
    each: bool = False,
) -> Comparison:
    """Return how good runs are on the same rows, and which of them can be told apart.

    A sweep's folder stands for its finished trials. Runs whose recipes differ in the seed alone are
    one entry, unless `each` is set. Without a split it is test where every run has it, else
    validation; without a metric, the runs' own.

    Raises:
        ConfigError: no run, one named twice (CFG-USAGE), or no such metric (CFG-UNKNOWN).
        RunError: a folder is no finished run (RUN-FOLDER, RUN-UNFINISHED), or the runs are not of
            one task and the same rows (RUN-MISMATCH).
        DataError: a run has no predictions on the split (DATA-SPLIT), or they cannot be scored.
    """
    given = given_runs(runs)
    return _comparison(given, grouped(given, each=each), split, metric)


def compare_entries(entries: Sequence[Sequence[Path]], *, split: str, metric: str) -> Comparison:
    """Compare entries whose runs are known, such as the points of a sweep, as `compare` does."""
    given = given_runs([run for runs in entries for run in runs])
    numbers = iter(range(len(given)))
    groups = [
        sorted(islice(numbers, len(runs)), key=lambda number: given[number].recipe.seed)
        for runs in entries
    ]
    return _comparison(given, groups, split, metric)


def _comparison(
    given: Sequence[GivenRun],
    groups: Sequence[Sequence[int]],
    split: str | None,
    metric: str | None,
) -> Comparison:
    split = common_split(given, split)
    metric = common_metric(given, metric)
    lines = same_rows(given, split)
    sums = metric_sums(given, lines, metric)
    clusters, known = _clusters(lines)
    sampled = [
        _Sampled.of([given[n] for n in group], [sums[n] for n in group], clusters, entry=place)
        for place, group in enumerate(groups)
    ]
    best_first = not lower_is_better(metric)
    sampled.sort(key=lambda entry: entry.sample.value, reverse=best_first)
    entries, pairs = _compared(sampled, clustered=known)
    return Comparison(
        metric=metric,
        split=split,
        rows=len(lines[0]),
        entries=entries,
        pairs=pairs,
        notes=remarks([one.runs for one in sampled], split, Drawn(int(clusters.max()) + 1, known)),
        fronts=_fronts(entries, pairs),
    )


@dataclass(frozen=True)
class _Sampled:
    """The runs of an entry, their rows' parts in the metric, and their resamples."""

    runs: Sequence[GivenRun]
    sums: Sequence[RowSums]
    sample: Resampled

    @classmethod
    def of(
        cls, runs: Sequence[GivenRun], sums: Sequence[RowSums], clusters: Counts, *, entry: int
    ) -> Self:
        return cls(runs, sums, resampled(sums, clusters, entry=entry))

    @property
    def outcomes(self) -> Floats | None:
        """Of a single run by a metric that counts rows, which it counts."""
        return self.sums[0].outcomes if len(self.sums) == 1 else None


def _clusters(lines: Sequence[Sequence[Prediction]]) -> tuple[Counts, bool]:
    """Return the number of each row's cluster, and whether the lines of a run say what it is."""
    for own in lines:
        if all(line.group is not None for line in own):
            return clusters_of(own), True
    return np.arange(len(lines[0])), False


def _compared(
    sampled: Sequence[_Sampled], *, clustered: bool
) -> tuple[tuple[Entry, ...], tuple[Pair, ...]]:
    """Return the entries with their letters, and each pair of them."""
    tested = [_tested(a, b, clustered=clustered) for a, b in combinations(sampled, 2)]
    adjusted = holm_adjusted([found.p_value for found, _ in tested])
    places = [*combinations(range(len(sampled)), 2)]
    differing = [pair for pair, p in zip(places, adjusted, strict=True) if p < SIGNIFICANT]
    entries = _entries(sampled, shared_letters(len(sampled), differing))
    pairs = tuple(
        Pair(
            entries[a],
            entries[b],
            difference=found.value,
            interval=found.interval,
            p_value=found.p_value,
            p_adjusted=p_adjusted,
            test=test,
        )
        for (a, b), (found, test), p_adjusted in zip(places, tested, adjusted, strict=True)
    )
    return entries, pairs


def _tested(a: _Sampled, b: _Sampled, *, clustered: bool) -> tuple[Difference, Test]:
    """Return how two entries differ: by McNemar's test, which is exact, where it can be made.

    It takes single runs, rows that are independent of each other, and a metric that counts them.
    """
    found = paired_difference(a.sample, b.sample)
    if clustered or a.outcomes is None or b.outcomes is None:
        return found, "bootstrap"
    return replace(found, p_value=mcnemar_p_value(a.outcomes, b.outcomes)), "McNemar"


def _entries(sampled: Sequence[_Sampled], letters: Sequence[tuple[str, ...]]) -> tuple[Entry, ...]:
    settings = differing_settings([one.runs for one in sampled])
    names = [entry_name(one.runs) for one in sampled]
    return tuple(
        Entry(
            runs=tuple(run.path for run in one.runs),
            records=tuple(run.record for run in one.runs),
            name=name,
            label=label,
            settings=own,
            value=one.sample.value,
            interval=one.sample.interval,
            letters=of_it,
            costs=mean_costs(one.runs),
        )
        for one, own, name, label, of_it in zip(
            sampled, settings, names, entry_labels(settings, names), letters, strict=True
        )
    )


def _fronts(entries: Sequence[Entry], pairs: Sequence[Pair]) -> dict[str, tuple[Entry, ...]]:
    """Return the front of each cost that is known of every entry."""
    places = {entry.run: place for place, entry in enumerate(entries)}
    better = {(places[pair.a.run], places[pair.b.run]) for pair in pairs if pair.differs}
    fronts = {}
    for cost in FRONTS:
        if all(cost in entry.costs for entry in entries):
            on = on_front([entry.costs[cost] for entry in entries], better)
            fronts[cost] = tuple(e for e, is_on in zip(entries, on, strict=True) if is_on)
    return fronts
