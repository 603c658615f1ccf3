"""What a search comes to: the chosen point, the comparison of the finalists, and the reasons."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from loratory.errors import DataError, LoratoryError
from loratory.experiments.compare import compare_entries
from loratory.experiments.sweep import SweepRun
from loratory.inference.evaluate import evaluate_run
from loratory.metrics.baselines import Baseline
from loratory.metrics.direction import is_better, lower_is_better
from loratory.recipe.sweep import in_words
from loratory.report.comparison import SIGNIFICANT

SEEDS = "seeds"
"""Name of the round that tries the finalists with further seeds."""

_SHOWN = 3


@dataclass(frozen=True)
class Round:
    """A round of a search: a sweep on so many training rows."""

    name: str
    rows: int
    run: SweepRun

    @property
    def points(self) -> list[dict[str, Any]]:
        """The points whose every trial has finished, best first."""
        table = self.run.result["table"]
        return [row["settings"] for row in table if {*row["states"]} == {"finished"}]


@dataclass(frozen=True)
class Finalist:
    """A point on the most rows that any was tried on, with all its seeds."""

    settings: dict[str, Any]
    by_seed: dict[int, float]
    runs: list[Path]

    @property
    def value(self) -> float:
        """Mean over the seeds."""
        return fmean(self.by_seed.values())

    def to_json(self) -> dict[str, Any]:
        """Return it as `result.json` keeps it."""
        return {
            "settings": self.settings,
            "value": self.value,
            "spread": stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None,
            "runs": [str(run) for run in self.runs],
        }


def concluded(
    rounds: Sequence[Round], baselines: Sequence[Baseline], folder: Path
) -> dict[str, Any]:
    """Return what a search's result.json holds; the test rows are scored here, and only here."""
    metric = rounds[0].run.result["metric"]
    found = finalists(rounds, lower=lower_is_better(metric))
    best = found[0]
    try:
        comparison = compare_entries(
            [one.runs for one in found], split="validation", metric=metric
        ).to_json()
    except LoratoryError:
        comparison = None
    test = _test(best.runs[0])
    return {
        "dir": str(folder),
        "metric": metric,
        "best": best.to_json() | {"recipe": str(folder / "recipe.yaml"), "test": test},
        "baselines": [asdict(baseline) for baseline in baselines],
        "reasons": [
            *_of_baselines(best, metric, baselines),
            *(_of_round(held, metric) for held in rounds),
            *_of_finalists(found, metric, comparison),
            *_of_test(metric, test),
        ],
        "comparison": comparison,
        "trials": [
            {**trial, "round": held.name, "run": str(held.run.path / trial["run"])}
            for held in rounds
            for trial in held.run.result["trials"]
        ],
    }


def finalists(rounds: Sequence[Round], *, lower: bool) -> list[Finalist]:
    """Return the points on the most rows, best first, those without further seeds last.

    How good they are is their mean over the seeds that they share: time may not have sufficed for
    all seeds of each.
    """
    whole = [held for held in rounds if held.points]
    # Further seeds are a round of their own, and belong to what the one before chose; values from
    # other numbers of rows are not to be averaged with theirs.
    last = whole[-2:] if whole[-1].name == SEEDS else whole[-1:]
    last = [done for done in last if done.rows == whole[-1].rows]
    held: dict[str, Finalist] = {}
    for done in last:
        for trial in done.run.result["trials"]:
            if trial["state"] == "finished":
                one = held.setdefault(_key(trial), Finalist(trial["settings"], {}, []))
                one.by_seed[trial["seed"]] = trial["value"]
                one.runs.append(done.run.path / trial["run"])
    tried = {_key(trial) for trial in last[-1].run.result["trials"]}
    first = [one for key, one in held.items() if key in tried]
    rest = [one for key, one in held.items() if key not in tried]
    return [*_ranked(first, lower=lower), *_ranked(rest, lower=lower)]


def _key(trial: dict[str, Any]) -> str:
    return json.dumps(trial["settings"], sort_keys=True)


def _ranked(found: Sequence[Finalist], *, lower: bool) -> list[Finalist]:
    shared = set.intersection(*(set(one.by_seed) for one in found)) if found else set()

    def mean(one: Finalist) -> float:
        return fmean(one.by_seed[seed] for seed in shared or one.by_seed)

    return sorted(found, key=mean, reverse=not lower)


def _test(run: Path) -> dict[str, Any] | None:
    try:
        scores = evaluate_run(run, split="test")
    except DataError as error:
        if error.code != "DATA-SPLIT":
            raise
        return None
    return {"rows": scores.rows, "metrics": scores.metrics, "intervals": scores.intervals}


def _of_baselines(best: Finalist, metric: str, baselines: Sequence[Baseline]) -> list[str]:
    known = [(b.metrics[metric], b) for b in baselines if metric in b.metrics]
    if not known:
        return []
    value, first = (min if lower_is_better(metric) else max)(known, key=lambda pair: pair[0])
    said = ", ".join(f"{baseline.name} {held:.3f}" for held, baseline in known)
    if is_better(metric, best.value, value):
        return [f"On the same validation rows the chosen recipe has {best.value:.3f}, and {said}."]
    return [
        f"{first.name} is as good ({value:.3f}) as the chosen recipe ({best.value:.3f}) and costs "
        "next to nothing: use it instead."
    ]


def _of_round(held: Round, metric: str) -> str:
    result = held.run.result
    table = [row for row in result["table"] if row["value"] is not None][:_SHOWN]
    best = "; ".join(f"{in_words(row['settings'])}: {row['value']:.3f}" for row in table)
    states = [trial["state"] for trial in result["trials"]]
    missing = len(states) - states.count("finished")
    left = f", {missing} of them not finished" if missing else ""
    return (
        f"Round {held.name}: {len(states)} runs on {held.rows:,} rows{left}; the best by {metric} "
        f"were {best or 'none'}."
    )


def _of_finalists(
    found: Sequence[Finalist], metric: str, comparison: dict[str, Any] | None
) -> list[str]:
    best = found[0]
    said = [
        f"{in_words(best.settings)} was chosen: {metric} {best.value:.3f}, the mean of "
        f"{len(best.by_seed)} seed(s)."
    ]
    seeds = [len(one.by_seed) for one in found]
    if len({*seeds}) > 1:
        said.append(
            f"Best first, the points have {', '.join(map(str, seeds))} seeds: the finalists are "
            "ranked by their mean over the seeds that they share, and those that did not come so "
            "far follow."
        )
    runs = {str(run) for run in best.runs}
    pairs = comparison["pairs"] if comparison else []
    alike = [
        pair
        for pair in pairs
        if (pair["a"] in runs) != (pair["b"] in runs) and pair["p_adjusted"] >= SIGNIFICANT
    ]
    if alike:
        said.append(
            f"{len(alike)} of {len(found) - 1} others on as many rows cannot be told apart from "
            "it; that would take more validation rows or more seeds."
        )
    return said


def _of_test(metric: str, test: dict[str, Any] | None) -> list[str]:
    if test is None or metric not in test["metrics"]:
        return ["There are no test rows: on those that chose it a recipe looks too good."]
    low, high = test["intervals"][metric]
    return [
        f"Nothing was chosen on the {test['rows']:,} test rows; its first run was scored on them "
        f"once: {test['metrics'][metric]:.3f} [{low:.3f}, {high:.3f}]."
    ]
