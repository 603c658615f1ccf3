"""`python -m benchmarks.ladder`: one run in float32, two trained for int8 and int4, their ladder.

Trains the recipe and its two variants on the same rows, quantises in every way on the processor,
and keeps the ladder in docs/runs/ladder; runs that are there already are not made again.
`python -m benchmarks.results` makes a table of it. `training.device=cuda` trains on a GPU.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.keep import KEPT, without_paths
from loratory.report.formats import bracketed
from loratory.runs.json_files import read_json, write_json

FOLDER = KEPT / "ladder"
RECIPE = "query_wellformedness"
_KINDS = ("", "_int8", "_int4")
_ALLOWED = {"int8": 0.005, "int4": 0.015}  # what may be lost against float32
_LEVEL = 0.05
_HEADINGS = ("", "{metric}", "difference to float32", "p", "MB", "ms a text", "rows/s")
_MEGABYTE = 1_000_000


def climb(recipe: str, settings: Sequence[str], place: Path, *, rows: int | None) -> dict[str, Any]:
    """Train what is missing in `place`, keep the ladder and its plot, and return it."""
    runs = [place / f"{recipe}{kind}" for kind in _KINDS]
    for run in runs:
        if not (run / "result.json").is_file():
            _loratory("train", run.name, *settings, "training.precision=float32", "--out", str(run))
    most = [] if rows is None else ["--rows", str(rows)]
    _loratory("quantize", *map(str, runs), "--ladder", *most)
    trained_on = read_json(runs[0] / "result.json")["rows"]["train"]
    found: dict[str, Any] = without_paths(
        {**read_json(runs[0] / "ladder.json"), "trained_on": trained_on}
    )
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_json(FOLDER / f"{recipe}.json", found)
    shutil.copyfile(runs[0] / "plots" / "ladder.png", FOLDER / f"{recipe}.png")
    return found


def _loratory(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "loratory", *arguments], check=True)


def verdicts(found: dict[str, Any]) -> Iterator[str]:
    """Say of each kind whether it is as good as it should be."""
    rungs = {rung["name"]: rung for rung in found["rungs"]}
    pairs = {pair["a"]: pair for pair in found["pairs"]}
    for kind, allowed in _ALLOWED.items():
        name = f"{kind}, trained for it"
        if "difference" not in rungs[name]:
            continue
        lost, pair = -rungs[name]["difference"], pairs[name]
        is_near = "within" if lost <= allowed else "NOT within"
        if pair["p_value"] >= _LEVEL:
            beside = "not to be told from"
        else:
            beside = "better than" if pair["difference"] > 0 else "WORSE than"
        yield (
            f"{name}: {is_near} {allowed:g} of float32 ({-lost:+.4f}), {beside} the same after "
            f"training ({pair['difference']:+.4f}, p {pair['p_value']:.2g})"
        )


def tables(folder: Path = FOLDER) -> str:
    """Return a table for each ladder in `folder`, with its plot."""
    return "\n".join(
        f"{_table(read_json(path))}\n![Quality and speed](runs/{folder.name}/{path.stem}.png)\n"
        for path in sorted(folder.glob("*.json"))
    )


def _table(found: dict[str, Any]) -> str:
    headings = [heading.format(metric=found["metric"]) for heading in _HEADINGS]
    rows = [_cells(rung) for rung in found["rungs"] if "bytes" in rung]
    lines = [headings, ["---"] * len(headings), *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    where = found["environment"]
    what = (
        f"{Path(found['base']).name}, {found['trained_on']:,} training rows, scored on "
        f"{found['rows']:,} {found['split']} rows; "
        f"{where['processor']}, {where['threads_used']} thread(s)."
    )
    said = "\n".join(f"- {line}" for line in verdicts(found))
    return f"### {found['name']}\n\n{what}\n\n{table}\n\n{said}\n"


def _cells(rung: dict[str, Any]) -> list[str]:
    scored, apart, p_value = "none", "", ""
    if rung["value"] is not None:
        scored = f"{rung['value']:.4f} {bracketed(rung['interval'], decimals=4)}"
    if "difference" in rung:
        ends = bracketed(rung["difference_interval"], decimals=4, signed=True)
        apart = f"{rung['difference']:+.4f} {ends}"
        p_value = f"{rung['p_value']:.3f}"
    cost = [rung["bytes"] / _MEGABYTE, rung["latency_ms"], rung["rows_per_second"]]
    return [rung["name"], scored, apart, p_value, *(f"{number:,.1f}" for number in cost)]


def main() -> None:
    """Climb down one ladder and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="as of loratory train")
    parser.add_argument("--recipe", default=RECIPE, help=f"with RECIPE_int8 and _int4: {RECIPE}")
    parser.add_argument("--place", type=Path, default=Path("runs/ladder"), help="of the runs")
    parser.add_argument("--rows", type=int, help="asked of the ladder; absent: all")
    given = parser.parse_args()
    found = climb(given.recipe, given.settings, given.place, rows=given.rows)
    summary = {"rungs": found["rungs"], "pairs": found["pairs"], "said": [*verdicts(found)]}
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    main()
