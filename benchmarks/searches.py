"""`python -m benchmarks.searches SEARCH --name NAME [--beside RUN…]`: keeps what a search found.

One JSON file a search in docs/runs/searches, with the finished runs beside it that other recipes
made of the same rows. `python -m benchmarks.results` shows them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.keep import KEPT, run_summary, without_paths
from loratory.errors import RunError
from loratory.experiments.search_folder import SearchFolder
from loratory.runs.json_files import read_json, write_json

FOLDER = KEPT / "searches"
_ABOUT = """\
Each by `loratory search FILE --budget TIME`, and kept by `python -m benchmarks.searches`. The
recipes of this repository beside what was chosen were tuned on the same training rows, and are
scored on the same validation rows.
"""


def keep_search(
    search: Path, name: str, beside: Sequence[Path] = (), *, kept: Path = FOLDER
) -> Path:
    """Write the summary of a finished search to `kept`, and return its file.

    Raises:
        RunError: the folder is no search, it or a run beside it has no result yet, or the run's
            rows are others.
    """
    folder = SearchFolder.open(search)
    if not folder.result.is_file():
        raise RunError(
            "RUN-UNFINISHED",
            "the search has no result yet",
            at=str(search),
            fix=f"go on with `loratory search --resume {search}`",
        )
    result = read_json(folder.result)
    first = run_summary(Path(result["best"]["runs"][0]))
    others = [run_summary(run) for run in beside]
    for run, other in zip(beside, others, strict=True):
        _require_same_rows(run, first, other)
    found = {
        "budget": read_json(folder.progress)["budget"],
        "environment": first["environment"],
        "facts": {key: first["result"][key] for key in ("base", "rows")},
        "result": {key: result[key] for key in ("metric", "best", "baselines", "reasons")},
        "seconds": result["seconds"],
        "trials": len(result["trials"]),
        "beside": [
            {
                "name": other["recipe"]["name"],
                "seed": other["recipe"]["seed"],
                "metrics": other["result"]["evaluation"]["validation"]["metrics"],
            }
            for other in others
        ],
    }
    kept.mkdir(parents=True, exist_ok=True)
    target = kept / f"{name}.json"
    write_json(target, without_paths(found))
    return target


def _require_same_rows(run: Path, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Refuse a run that was tuned or scored on other rows (RUN-MISMATCH)."""
    for split in ("train data", "validation data"):
        expected, got = (found["environment"]["digests"].get(split) for found in (ours, theirs))
        if expected != got:
            raise RunError(
                "RUN-MISMATCH",
                f"its {split} is not the search's",
                at=str(run),
                got=got,
                expected=expected,
                fix="tune the recipe on the search's file, with the search's data.holdout",
            )


def section(folder: Path = FOLDER) -> str:
    """Return the searches' part of the results page; empty where none was kept."""
    parts = [_part(path.stem, read_json(path)) for path in sorted(folder.glob("*.json"))]
    return "\n".join([f"## Searches\n\n{_ABOUT}", *parts]) if parts else ""


def _part(name: str, found: dict[str, Any]) -> str:
    facts, result = found["facts"], found["result"]
    compute, metric, best = found["environment"]["compute"], result["metric"], result["best"]
    device = found["environment"].get("gpu") or found["environment"]["processor"]
    rows = [
        ("", "seeds", f"{metric} on the validation rows"),
        ("---", "---", "---"),
        ("**chosen**", str(len(best["runs"])), f"{best['value']:.4f}{_spread(best['spread'])}"),
        *(
            (f"recipe {other['name']}", "1", f"{other['metrics'][metric]:.4f}")
            for other in found["beside"]
        ),
        *((one["name"], "-", f"{one['metrics'][metric]:.4f}") for one in result["baselines"]),
    ]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    reasons = "\n".join(f"- {reason}" for reason in result["reasons"])
    return (
        f"### {name}\n\n{Path(facts['base']).name}, {facts['rows']['train']:,} training and "
        f"{facts['rows']['validation']:,} validation rows; a budget of {found['budget'] / 60:.0f} "
        f"minutes, done after {found['seconds'] / 60:.1f}: {found['trials']} trials; {device}, "
        f"{compute['precision']}.\n\n{table}\n\n{reasons}\n"
    )


def _spread(spread: float | None) -> str:
    return "" if spread is None else f" ± {spread:.4f}"


def main() -> None:
    """Keep the search that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("search", type=Path, help="a search's folder")
    parser.add_argument("--name", required=True, help="what the search is called on the page")
    parser.add_argument("--beside", nargs="*", type=Path, default=[], metavar="RUN")
    given = parser.parse_args()
    sys.stdout.write(f"{keep_search(given.search, given.name, given.beside)}\n")


if __name__ == "__main__":
    main()
