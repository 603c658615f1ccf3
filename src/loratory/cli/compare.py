"""`loratory compare`: which runs are better, by how much, and whether that may be chance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from loratory.cli.output import AsJson, print_json, print_table, print_text, with_interval

if TYPE_CHECKING:
    from loratory.report.comparison import Comparison, Entry

_COSTS = {
    "seconds": "seconds",
    "tokens_per_second": "tokens/s",
    "peak_memory_mb": "peak MB",
    "trainable_parameters": "trainable",
    "adapter_bytes": "adapter MB",
}
_MEGABYTE = 1_000_000
_MOST_PAIRS = 20


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, or of sweeps.")],
    split: Annotated[
        str | None, typer.Option(help="Absent: test where every run has it, else validation.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Absent: the metric of the runs.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of it, in one file.")] = None,
    *,
    each: Annotated[
        bool, typer.Option("--each", help="Show runs that differ in their seed alone apart.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare runs on the same rows, with intervals, paired tests and costs.

    Runs that cannot be told apart share a letter.
    """
    from loratory.experiments.compare import compare as compared
    from loratory.report.compare_page import write_comparison

    found = compared(runs, split=split, metric=metric, each=each)
    if html is not None:
        write_comparison(found, html)
    if as_json:
        print_json(found.to_json())
        return
    _show(found)
    if html is not None:
        print_text(f"page: {html}")


def _show(found: "Comparison") -> None:
    table = Table(
        title=f"{found.metric} on {found.rows:,} {found.split} rows, 95 % intervals",
        title_justify="left",
    )
    table.add_column("run", overflow="fold")
    labelled = any(entry.label != entry.name for entry in found.entries)
    if labelled:
        table.add_column("settings")
    table.add_column(found.metric)
    table.add_column("like")
    for heading in _COSTS.values():
        table.add_column(heading, justify="right")
    for entry in found.entries:
        seeds = f" ({len(entry.runs)} seeds)" if len(entry.runs) > 1 else ""
        table.add_row(
            entry.name + seeds,
            *([entry.label] if labelled else []),
            with_interval(entry.value, entry.interval),
            " ".join(entry.letters),
            *(_cost(entry, cost) for cost in _COSTS),
        )
    print_table(table)
    if len(found.entries) > 1:
        _show_pairs(found)
        _show_fronts(found)
    for note in found.notes:
        print_text(note)


def _show_fronts(found: "Comparison") -> None:
    """Print what nothing cheaper beats; costs of which that is the same share a line."""
    costs: dict[str, list[str]] = {}
    for cost, front in found.fronts.items():
        costs.setdefault(", ".join(entry.label for entry in front), []).append(_COSTS[cost])
    for labels, headings in costs.items():
        print_text(f"not beaten at the same or lower {', '.join(headings)}: {labels}")


def _show_pairs(found: "Comparison") -> None:
    differing = [pair for pair in found.pairs if pair.differs]
    if not differing:
        print_text("No two can be told apart on these rows.")
        return
    table = Table(
        title=f"{len(differing)} of {len(found.pairs)} pairs differ", title_justify="left"
    )
    for heading in ("better", "worse", "difference", "p, by Holm", "test"):
        table.add_column(heading)
    for pair in differing[:_MOST_PAIRS]:
        table.add_row(
            pair.a.label,
            pair.b.label,
            with_interval(pair.difference, pair.interval),
            f"{pair.p_adjusted:.2g}",
            pair.test,
        )
    print_table(table)
    if len(differing) > _MOST_PAIRS:
        print_text(f"{len(differing) - _MOST_PAIRS} more: see --json or --html")


def _cost(entry: "Entry", cost: str) -> str:
    if cost not in entry.costs:
        return "-"
    value = entry.costs[cost]
    match cost:
        case "seconds":
            return f"{value:,.1f}"
        case "adapter_bytes":
            return f"{value / _MEGABYTE:,.1f}"
        case _:
            return f"{value:,.0f}"
