"""The tables of a comparison: entries and their costs, settings that differ, pairs, the data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loratory.recipe.sweep import shown
from loratory.report.compare_curves import COLORED
from loratory.report.comparison import Comparison, Entry
from loratory.report.data_tables import audit_table
from loratory.report.formats import (
    NOTHING,
    count,
    duration,
    megabytes,
    metric_difference,
    metric_interval,
    metric_name,
    metric_value,
    size,
)
from loratory.report.record import DataAudit
from loratory.report.tables import Cell, Table

_COSTS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "seconds": ("training", duration),
    "tokens": ("tokens trained on", count),
    "tokens_per_second": ("tokens per second", count),
    "peak_memory_mb": ("peak memory", megabytes),
    "peak_gpu_memory_mb": ("peak memory of the GPU", megabytes),
    "trainable_parameters": ("trainable parameters", count),
    "adapter_bytes": ("adapter", size),
}


@dataclass(frozen=True)
class Seed:
    """A run among those of an entry."""

    number: int
    link: str = ""


@dataclass(frozen=True)
class Sortable:
    """A cell that a column is sorted by, and what it links to."""

    value: str
    detail: str = ""
    order: float | str = ""
    link: str = ""
    seeds: tuple[Seed, ...] = ()


def entry_table(
    found: Comparison, links: Mapping[Path, str]
) -> tuple[tuple[str, ...], list[tuple[Sortable, ...]]]:
    """Return the columns and rows of all entries, best first; `links` lead to the runs' reports."""
    costs = [cost for cost in _COSTS if any(cost in entry.costs for entry in found.entries)]
    columns = ("run", metric_name(found.metric), "like", *(_COSTS[cost][0] for cost in costs))
    rows = [
        (
            _named(entry, detail, links),
            Sortable(
                metric_value(found.metric, entry.value),
                metric_interval(found.metric, entry.interval),
                entry.value,
            ),
            Sortable(" ".join(entry.letters), order=" ".join(entry.letters)),
            *(_cost(found, entry, cost) for cost in costs),
        )
        for entry, detail in zip(found.entries, _details(found.entries), strict=True)
    ]
    return columns, rows


def settings_table(found: Comparison) -> Table:
    """Return the settings in which entries differ, and only these."""
    keys = [*found.entries[0].settings]
    rows = tuple(
        (
            Cell(entry.name),
            *(
                Cell(NOTHING if entry.settings[key] is None else shown(entry.settings[key]))
                for key in keys
            ),
        )
        for entry in found.entries
    )
    return Table("", ("run", *keys), rows if keys else ())


def pair_table(found: Comparison) -> Table:
    """Return the pairs that differ."""
    rows = tuple(
        (
            Cell(pair.a.label),
            Cell(pair.b.label),
            Cell(*metric_difference(found.metric, pair.difference, pair.interval)),
            Cell(f"{pair.p_adjusted:.2g}", f"{pair.p_value:.2g} alone, {pair.test}"),
        )
        for pair in found.pairs
        if pair.differs
    )
    return Table("", ("better", "worse", "difference", "p, by Holm"), rows)


def rows_table(found: Comparison) -> Table:
    """Return how many rows each run had and how many of them were cut, once where all are alike."""
    splits = list(
        dict.fromkeys(
            split
            for entry in found.entries
            for record in entry.records
            for split in record.result.rows
        )
    )
    rows = []
    for entry in found.entries:
        cells = []
        for split in splits:
            amounts = {record.result.rows.get(split) for record in entry.records}
            cut = {record.result.truncated.get(split) for record in entry.records} - {0, None}
            amount = " or ".join(NOTHING if n is None else count(n) for n in amounts)
            cells.append(Cell(amount, f"{max(filter(None, cut))} truncated" if cut else ""))
        rows.append((Cell(entry.label), *cells))
    if len({row[1:] for row in rows}) == 1:
        rows = [(Cell("every run"), *rows[0][1:])]
    return Table("Rows of each split", ("", *splits), tuple(rows))


def audit_tables(found: Comparison) -> list[Table]:
    """Return what an audit finds in the rows, for each different set of rows among the runs."""
    audits: dict[str, DataAudit] = {}
    whose: dict[str, list[str]] = {}
    for entry in found.entries:
        for record in entry.records:
            if audit := record.result.audit:
                key = audit.model_dump_json()
                audits[key] = audit
                whose.setdefault(key, []).append(entry.label)
    names = {key: ", ".join(dict.fromkeys(labels)) for key, labels in whose.items()}
    return [audit_table(audits[key], names[key] if len(audits) > 1 else "") for key in audits]


def _details(entries: Sequence[Entry]) -> list[str]:
    """Return what is said below each label; where pictures name points by number, that too."""
    names = ["" if entry.name == entry.label else entry.name for entry in entries]
    if len(entries) <= COLORED:
        return names
    return [", ".join(filter(None, (f"no. {n}", name))) for n, name in enumerate(names, start=1)]


def _named(entry: Entry, detail: str, links: Mapping[Path, str]) -> Sortable:
    """Return the cell that names an entry: of one run it leads to its report, else its seeds do."""
    found = [links.get(run, "") for run in entry.runs]
    if len(found) == 1:
        return Sortable(entry.label, detail, entry.label, found[0], (Seed(entry.seeds[0]),))
    seeds = tuple(Seed(number, link) for number, link in zip(entry.seeds, found, strict=True))
    return Sortable(entry.label, detail, entry.label, seeds=seeds)


def _cost(found: Comparison, entry: Entry, cost: str) -> Sortable:
    if cost not in entry.costs:
        return Sortable(NOTHING)
    value = entry.costs[cost]
    front = found.fronts.get(cost, ())
    beaten = "" if cost not in found.fronts or entry in front else "beaten"
    return Sortable(_COSTS[cost][1](value), beaten, value)
