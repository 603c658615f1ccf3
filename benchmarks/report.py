"""What a benchmark leaves: latest.json, to which each workload is added, and a table."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.workload import OURS, PEER
from loratory.runs.environment import environment
from loratory.runs.json_files import read_json

LATEST = "latest.json"
_HEADINGS = (
    *("workload", "side", "rows/s", "tokens/s", "of limit", "memory MB"),
    *("times as fast", "memory", "wanted"),
)


def add_result(folder: Path, name: str, found: Mapping[str, Any]) -> None:
    """Put a workload's numbers into latest.json; those of another machine are left out."""
    path = folder / LATEST
    machine = environment()
    before = read_json(path) if path.is_file() else {}
    same = _same_machine(before.get("machine", {}), machine)
    kept = before["workloads"] if same else {}
    folder.mkdir(parents=True, exist_ok=True)
    report = {"machine": machine, "workloads": {**kept, name: found}}
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def table(workloads: Mapping[str, Any]) -> str:
    """Return the numbers of measured workloads, two lines or three for each."""
    rows = [_HEADINGS, *(line for name, found in workloads.items() for line in _lines(name, found))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )


def _lines(name: str, found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    low, high = found["throughput_ratio_spread"]
    for number, (side, values) in enumerate(found["sides"].items()):
        ratio = {
            OURS: f"{found['throughput_ratio']:.2f} ({low:.2f} to {high:.2f})",
            PEER: "",
        }.get(side, f"{values.get('throughput_ratio', 0):.2f}")
        yield (
            "" if number else name,
            found["peer"] if side == PEER else f"{side}: {values['precision']}",
            f"{values['rows_per_second']:,.1f}",
            f"{values['tokens_per_second']:,.0f}",
            f"{values['share_of_limit']:.2f}",
            f"{values['peak_memory_mb']:,.0f}",
            ratio,
            f"{found['memory_ratio']:.2f}" if side == OURS else "",
            found["wanted"] if side == OURS else "",
        )


def _same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(fact) == other.get(fact) for fact in ("processor", "cores"))
