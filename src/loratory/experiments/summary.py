"""What a sweep found: what each trial came to, and a table of its points, seeds averaged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from loratory.errors import LoratoryError
from loratory.experiments.compare import compare_entries
from loratory.experiments.plan import Plan
from loratory.experiments.study import Planned, planned_of
from loratory.experiments.trial import State, Trial
from loratory.experiments.worker import Sweep
from loratory.recipe.sweep import in_words
from loratory.report.comparison import Comparison
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json

_COSTS = ("seconds", "tokens_per_second", "peak_memory_mb", "trainable_parameters", "adapter_bytes")
_MOST_COMPARED = 40  # entries; of more pairs than those of 40, Holm's correction leaves little


@dataclass(frozen=True)
class TrialRow:
    """What a trial came to."""

    planned: Planned
    place: int
    """Number of its point."""

    state: State
    value: float | None
    last: float | None
    """Of the metric, at the last evaluation."""

    problem: str | None
    costs: Mapping[str, Any]


@dataclass(frozen=True)
class PointRow:
    """A point of the table: the trials that differ in nothing but the seed."""

    trials: tuple[TrialRow, ...]
    interval: tuple[float, float] | None = None
    group: str | None = None
    """Letters: points that share one cannot be told apart."""

    @property
    def settings(self) -> dict[str, Any]:
        """The point's values by key."""
        return self.trials[0].planned.settings

    @property
    def finished(self) -> list[TrialRow]:
        """Its finished trials."""
        return [trial for trial in self.trials if trial.state == "finished"]

    @property
    def counted(self) -> list[TrialRow]:
        """The trials that its value is the mean of: finished ones, if there are any."""
        return self.finished or [trial for trial in self.trials if trial.value is not None]

    @property
    def by_seed(self) -> dict[int, float]:
        """The values of its finished trials."""
        found = {trial.planned.seed: trial.value for trial in self.finished}
        return {seed: value for seed, value in found.items() if value is not None}

    @property
    def is_out(self) -> bool:
        """Whether a trial of it was given up or failed."""
        return any(trial.state in {"pruned", "failed"} for trial in self.trials)

    @property
    def is_whole(self) -> bool:
        """Whether every trial of it has finished."""
        return len(self.finished) == len(self.trials)

    @property
    def value(self) -> float | None:
        """Mean of the metric over its trials."""
        return _mean([trial.value for trial in self.counted])

    @property
    def last(self) -> float | None:
        """The same at the last evaluation, instead of the best."""
        return _mean([trial.last for trial in self.counted])

    @property
    def spread(self) -> float | None:
        """Standard deviation over its trials; None of a single one."""
        values = [trial.value for trial in self.counted if trial.value is not None]
        return stdev(values) if len(values) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return the row as `result.json` keeps it."""
        costs = {cost: _mean([trial.costs.get(cost) for trial in self.finished]) for cost in _COSTS}
        return {
            "settings": self.settings,
            "value": self.value,
            "spread": self.spread,
            "interval": None if self.interval is None else list(self.interval),
            "group": self.group,
            "last": self.last,
            "seeds": [trial.planned.seed for trial in self.counted],
            "states": [trial.state for trial in self.trials],
            "runs": [trial.planned.run for trial in self.trials],
            "costs": costs,
        }


def sweep_result(sweep: Sweep) -> dict[str, Any]:
    """Return what the sweep's result.json holds: what there is to say so far."""
    rows = trial_rows(sweep)
    points, notes = point_rows(sweep, rows)
    best = next((point for point in points if point.finished), None)
    return {
        "dir": str(sweep.folder.path),
        "name": sweep.plan.recipe.name,
        "metric": sweep.metric,
        "split": "validation",
        "trials": [_trial(row) for row in rows],
        "best": None if best is None else best.to_json(),
        "table": [point.to_json() for point in points],
        "notes": [*notes, *_states(rows), *_prune_in_vain(sweep)],
    }


def trial_rows(sweep: Sweep) -> list[TrialRow]:
    """Return all trials in order: those that were begun, and those that are known to come."""
    begun = sweep.study.trials()
    rows = [
        _row(sweep.plan, sweep.trial(planned_of(trial)), seconds=trial.user_attrs.get("seconds"))
        for trial in begun
    ]
    if sweep.plan.points is not None:
        for number in range(len(begun), sweep.plan.trials):
            planned = sweep.planned(number, [])
            place, _ = sweep.plan.place(number)
            rows.append(TrialRow(planned, place, "waiting", None, None, None, {}))
    return rows


def point_rows(sweep: Sweep, rows: Sequence[TrialRow]) -> tuple[list[PointRow], list[str]]:
    """Return the points, best first, those without a finished trial last; and what to know."""
    by_place = sorted(rows, key=lambda row: row.place)
    points = [PointRow(tuple(held)) for _, held in groupby(by_place, key=lambda row: row.place)]
    points, unlike = _ranked(points, sign=1.0 if sweep.lower_is_better else -1.0)
    points, notes = _compared(sweep, points)
    return points, [*unlike, *notes]


def _ranked(points: list[PointRow], *, sign: float) -> tuple[list[PointRow], list[str]]:
    """Return the points by how good they are on the seeds that they share.

    One of whose trials was given up or failed comes behind those that may yet be whole.
    """
    finished = [point for point in points if point.finished]
    standing = [point for point in finished if not point.is_out]
    rest = [point for point in points if not point.finished]
    rest.sort(key=lambda point: (point.value is None, sign * (point.value or 0.0)))
    notes = []
    if len({frozenset(point.by_seed) for point in standing}) > 1:
        shared = ", ".join(map(str, sorted(_shared_seeds(standing))))
        on = f"seeds that all of them have: {shared}" if shared else "the seeds that each has"
        notes = [f"points lack seeds that others have; they are ranked by the mean on {on}"]
    out = [point for point in finished if point.is_out]
    return [*_best_first(standing, sign), *_best_first(out, sign), *rest], notes


def _best_first(points: list[PointRow], sign: float) -> list[PointRow]:
    shared = _shared_seeds(points)

    def mean(point: PointRow) -> float:
        return fmean(point.by_seed[seed] for seed in shared or point.by_seed)

    return sorted(points, key=lambda point: sign * mean(point))


def _shared_seeds(points: list[PointRow]) -> set[int]:
    return set.intersection(*(set(point.by_seed) for point in points)) if points else set()


def _compared(sweep: Sweep, points: list[PointRow]) -> tuple[list[PointRow], list[str]]:
    """Add interval and letters to the points whose runs have all finished."""
    whole = [point for point in points if point.is_whole]
    if not whole or len(whole) < len(points[:2]):
        return points, []
    runs = [[sweep.folder.path / trial.planned.run for trial in point.trials] for point in whole]

    def comparison(entries: list[list[Path]]) -> Comparison:
        return compare_entries(entries, split="validation", metric=sweep.metric)

    try:
        found = comparison(runs[:_MOST_COMPARED])
        alone = [comparison([own]) for own in runs[_MOST_COMPARED:]]
    except LoratoryError as error:
        return points, [f"the points could not be compared: {error.headline}"]
    by_run = {run: entry for entry in found.entries for run in entry.runs}
    compared = [
        PointRow(point.trials, by_run[own[0]].interval, "".join(by_run[own[0]].letters))
        for point, own in zip(whole[:_MOST_COMPARED], runs[:_MOST_COMPARED], strict=True)
    ] + [
        PointRow(point.trials, one.entries[0].interval)
        for point, one in zip(whole[_MOST_COMPARED:], alone, strict=True)
    ]
    in_order = iter(compared)
    rows = [next(in_order) if point.is_whole else point for point in points]
    only = f"only the best {_MOST_COMPARED} of {len(whole)} points were compared with each other"
    return rows, [*([only] if alone else []), *found.notes]


def _row(plan: Plan, trial: Trial, *, seconds: float | None) -> TrialRow:
    outcome, evaluations = trial.outcome(), trial.evaluations()
    result = RunFolder(trial.path).result
    found = read_json(result) if result.is_file() else {}
    costs = {cost: found.get(cost) for cost in _COSTS} | {"wall_seconds": seconds}
    return TrialRow(
        planned=trial.planned,
        place=plan.place(trial.planned.number)[0],
        state=outcome.state,
        value=outcome.value,
        last=next(reversed(evaluations.values()), None),
        problem=outcome.problem,
        costs=costs,
    )


def _trial(row: TrialRow) -> dict[str, Any]:
    return {
        "run": row.planned.run,
        "settings": row.planned.settings,
        "seed": row.planned.seed,
        "value": row.value,
        "last": row.last,
        "state": row.state,
        "problem": row.problem,
        "costs": dict(row.costs),
    }


def _prune_in_vain(sweep: Sweep) -> list[str]:
    """Say so where no run is looked at again after the first time that it could be given up."""
    prune = sweep.plan.sweep.prune
    looks = max((len(trial.intermediate_values) for trial in sweep.study.trials()), default=0)
    if prune is None or not looks or looks > prune.min_resource:
        return []
    return [
        f"nothing could be given up: no run has more than {looks} evaluation(s), and prune begins "
        f"after {prune.min_resource}; set training.evaluate_every to fewer steps"
    ]


def _states(rows: Sequence[TrialRow]) -> list[str]:
    """Say which trials did not come to their end, and why."""
    notes = []
    for state, means in (
        ("pruned", "fell behind and were given up; their value is the last before that"),
        ("unfinished", "were stopped on the way; `loratory sweep --resume` goes on with them"),
        ("waiting", "were not begun; `loratory sweep --resume` does them"),
        ("failed", "failed"),
    ):
        held = [row for row in rows if row.state == state]
        if held:
            notes.append(f"{len(held)} of {len(rows)} trials {means}")
    problems = {f"{in_words(row.planned.settings)}: {row.problem}" for row in rows if row.problem}
    return [*notes, *sorted(problems)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
