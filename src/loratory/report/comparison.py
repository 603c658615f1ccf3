"""What a comparison found: its entries, best first, how each pair differs, and what to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from loratory.report.record import RunRecord

SIGNIFICANT = 0.05
"""The chance to call any of the pairs different though none is."""

COSTS = (
    "seconds",
    "tokens",
    "tokens_per_second",
    "peak_memory_mb",
    "peak_gpu_memory_mb",
    "trainable_parameters",
    "adapter_bytes",
)
"""What a run takes, as `RunRecord.cost` names it; means over an entry's runs."""

FRONTS = ("seconds", "peak_memory_mb", "trainable_parameters", "adapter_bytes")
"""Those of which less is better, each with a front of its own."""

Interval = tuple[float, float]
Test = Literal["McNemar", "bootstrap"]


@dataclass(frozen=True)
class Entry:
    """A run, or several that differ in nothing but their seed."""

    runs: tuple[Path, ...]
    """Their folders, by seed."""

    records: tuple[RunRecord, ...]
    name: str
    """The folder's name; of several runs what their names begin with."""

    label: str
    """In a few words, for plots: the settings that differ, or the name; no two are the same."""

    settings: Mapping[str, Any]
    """The settings in which the entries differ, by their keys; None where it has no such one."""

    value: float
    """Of the metric; the mean over the runs."""

    interval: Interval
    """95 %."""

    letters: tuple[str, ...]
    """Entries that cannot be told apart share one."""

    costs: Mapping[str, float]

    @property
    def run(self) -> str:
        """The first run's folder, by which the entry is known in JSON."""
        return str(self.runs[0])

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each run."""
        return tuple(int(record.recipe.get("seed") or 0) for record in self.records)


@dataclass(frozen=True)
class Pair:
    """How much one entry is above another; the better one comes first."""

    a: Entry
    b: Entry
    difference: float
    """a's value less b's."""

    interval: Interval
    p_value: float
    p_adjusted: float
    """With Holm's correction over all pairs."""

    test: Test

    @property
    def differs(self) -> bool:
        """Whether the two can be told apart."""
        return self.p_adjusted < SIGNIFICANT


@dataclass(frozen=True)
class Comparison:
    """Runs on the same rows, compared by one metric."""

    metric: str
    split: str
    rows: int
    entries: tuple[Entry, ...]
    """Best first."""

    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    """What a person must know before they believe it."""

    fronts: Mapping[str, tuple[Entry, ...]]
    """By cost: the entries that none is known to beat at no higher cost."""

    def to_json(self) -> dict[str, Any]:
        """Return what `loratory compare --json` prints."""
        return {
            "metric": self.metric,
            "split": self.split,
            "rows": self.rows,
            "runs": [_entry(entry) for entry in self.entries],
            "pairs": [_pair(pair) for pair in self.pairs],
            "fronts": {cost: [entry.run for entry in front] for cost, front in self.fronts.items()},
            "notes": list(self.notes),
        }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "run": entry.run,
        "value": entry.value,
        "interval": _ends(entry.interval),
        "group": "".join(entry.letters),
        "name": entry.name,
        "runs": [str(path) for path in entry.runs],
        "seeds": list(entry.seeds),
        "settings": dict(entry.settings),
        "costs": {cost: entry.costs.get(cost) for cost in COSTS},
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "a": pair.a.run,
        "b": pair.b.run,
        "difference": pair.difference,
        "interval": _ends(pair.interval),
        "p_value": pair.p_value,
        "p_adjusted": pair.p_adjusted,
        "test": pair.test,
        "differs": pair.differs,
    }


def _ends(interval: Interval) -> list[float | None]:
    """Return both ends; null for one that is not finite, which JSON cannot say."""
    return [end if isfinite(end) else None for end in interval]
