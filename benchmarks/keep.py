"""`python -m benchmarks.keep RUN…`: copies what is worth keeping of finished runs to docs/runs/.

One JSON file per run: its result, its recipe, and what it ran on. No weights, no predictions, and
of a path on the machine only its last part. `python -m benchmarks.results` makes the page of them.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loratory.errors import RunError
from loratory.recipe.load import load_recipe
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json, write_json

KEPT = Path(__file__).parent.parent / "docs" / "runs"
_FACTS = ("versions", "processor", "gpu", "cores", "memory_mb", "compute", "digests")
_ABSOLUTE = re.compile(r"(?<![\w.~/:*)])(?:/[\w.~+@-]+){2,}/?")


def keep(run: Path, *, name: str | None = None, kept: Path = KEPT) -> Path:
    """Write the summary of a finished run to `kept`, and return its file.

    Raises:
        RunError: RUN-FOLDER or RUN-UNFINISHED; RUN-EXISTS, when the name is another run's.
    """
    summary = run_summary(run)
    target = kept / f"{name or summary_name(summary)}.json"
    if target.exists() and read_json(target).get("recipe") != summary["recipe"]:
        raise RunError(
            "RUN-EXISTS",
            "a run of other settings is kept under this name",
            at=str(target),
            fix="give the run a name of its own with --name",
        )
    kept.mkdir(parents=True, exist_ok=True)
    write_json(target, summary)
    return target


def train_and_keep(arguments: Sequence[str], *, name: str, kept: Path) -> None:
    """Run `loratory train` with these arguments; its summary is all that is left of it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "loratory", "train", *arguments, "--out", str(out)]
        subprocess.run(command, check=True)
        keep(out, name=name, kept=kept)


def run_summary(run: Path) -> dict[str, Any]:
    """Return recipe, facts of the machine and result of a finished run, without a path."""
    folder = RunFolder.open(run)
    if not folder.result.is_file():
        raise RunError(
            "RUN-UNFINISHED",
            "the run has no result yet",
            at=str(run),
            fix=f"finish it with `loratory train --resume {run}`",
        )
    environment = read_json(folder.environment)
    result = read_json(folder.result)
    del result["run"]
    summary: dict[str, Any] = without_paths(
        {
            "recipe": load_recipe(folder.recipe).model_dump(mode="json"),
            "environment": {fact: environment[fact] for fact in _FACTS if fact in environment},
            "result": result,
        }
    )
    return summary


def summary_name(summary: dict[str, Any]) -> str:
    """Return a name that says recipe, base, training rows and seed."""
    recipe, rows = summary["recipe"], summary["result"]["rows"]["train"]
    base = Path(summary["result"]["base"]).name.replace(" ", "-")
    return f"{recipe['name']}-{base}-{rows}-seed{recipe['seed']}"


def without_paths(value: Any) -> Any:
    """Return the value with every absolute path in its texts cut to its last part."""
    if isinstance(value, dict):
        return {key: without_paths(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_paths(part) for part in value]
    if isinstance(value, str):
        return _ABSOLUTE.sub(lambda path: Path(path[0]).name, value)
    return value


def main() -> None:
    """Keep the runs that are named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run's folder")
    parser.add_argument("--name", help="name of the file, for one run alone")
    given = parser.parse_args()
    if given.name and len(given.runs) > 1:
        parser.error("--name is for one run")
    for run in given.runs:
        try:
            target = keep(run, name=given.name)
        except RunError as error:
            raise SystemExit(str(error)) from None
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
