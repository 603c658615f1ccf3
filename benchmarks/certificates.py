"""`python -m benchmarks.certificates RUN…`: exports finished runs to every kind, with the proof.

Of each run and kind the certificate, or why the run does not go there, in docs/runs/certificates;
what is written is thrown away. `python -m benchmarks.results` makes a table of them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import loratory
from benchmarks.keep import KEPT, without_paths
from loratory.errors import ConfigError, LoratoryError, NumericsError
from loratory.export.export import ExportTo
from loratory.export.merge import ROWS
from loratory.runs.json_files import read_json, write_json

FOLDER = KEPT / "certificates"
KINDS: tuple[ExportTo, ...] = get_args(ExportTo)
_MEGABYTE = 1_000_000
_ABOUT = """\
Finished runs, exported by `python -m benchmarks.certificates`, read back by the kind's own runtime
and asked rows that the run was not trained on. What is allowed is relative to the largest logit,
and absolute where that is below 1; of int8 it is the share of predictions that may be others. What
each kind is: [export.md](export.md).
"""
_HEADINGS = (
    *("run", "kind", "rows", "largest difference of a logit", "largest logit", "allowed"),
    *("predictions that are others", "metric", "of the run", "of the export", "MB", "seconds"),
)


def certified(run: Path, rows: int) -> dict[str, Any]:
    """Return of each kind the certificate of the run's export, or why there is none."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as place:
            out, before = Path(place) / "out", time.perf_counter()
            try:
                loratory.export(run, kind, out, rows=rows)
            except (ConfigError, NumericsError) as error:
                found[kind] = {"refused": _said(error)}
                continue
            seconds = time.perf_counter() - before
            size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
            certificate = read_json(out / "certificate.json")
        found[kind] = {"certificate": certificate, "bytes": size, "seconds": seconds}
        sys.stdout.write(f"{run.name}: {kind} in {seconds:,.0f} s\n")
        sys.stdout.flush()
    return found


def _said(error: LoratoryError) -> str:
    """Return why there is no export, with what was found where that is known."""
    got = "" if error.got is None else f", got {error.got}"
    return f"{error.problem}{got}" + (f", expected {error.expected}" if error.expected else "")


def section(folder: Path = FOLDER) -> str:
    """Return the page's section about the exports that are kept in `folder`, "" of none."""
    kept = [read_json(path) for path in sorted(folder.glob("*.json"))]
    rows = [row for found in kept for row in _rows(found)]
    if not rows:
        return ""
    lines = [_HEADINGS, ["---"] * len(_HEADINGS), *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    refused = "\n".join(
        f"- {found['name']} to {kind}: {export['refused']}."
        for found in kept
        for kind, export in found["exports"].items()
        if "refused" in export
    )
    return f"## Exports\n\n{_ABOUT}\n{table}\n" + (f"\nRefused:\n\n{refused}\n" if refused else "")


def _rows(found: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a row for each kind that the run went to."""
    for kind, export in found["exports"].items():
        if "refused" in export:
            continue
        said = export["certificate"]
        yield [
            found["name"],
            kind,
            f"{said['rows']:,}",
            f"{said['max_logit_difference']:.2g}",
            f"{said['largest_logit']:.3g}",
            f"{said['tolerance']:g}",
            "-" if said["changed_predictions"] is None else f"{said['changed_predictions']:,}",
            said["metric"],
            f"{said['metric_before']:.4f}",
            f"{said['metric_after']:.4f}",
            f"{export['bytes'] / _MEGABYTE:,.1f}",
            f"{export['seconds']:,.0f}",
        ]


def main() -> None:
    """Export the runs that are named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("--rows", type=int, default=ROWS, help="asked of each export")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for run in given.runs:
        kept = {"name": run.name, "exports": certified(run, given.rows)}
        write_json(FOLDER / f"{run.name}.json", without_paths(kept))


if __name__ == "__main__":
    main()
