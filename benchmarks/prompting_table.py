"""`python -m benchmarks.prompting_table`: prompting beside tuning, on the same rows.

    python -m benchmarks.prompting_table [--data FOLDER] [--seeds 3] [training.device=cuda …]

Runs what is missing, one job after the other, and keeps the summaries in docs/runs/prompting.
`python -m benchmarks.results` makes tables of them.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from benchmarks.keep import KEPT, train_and_keep
from loratory.runs.json_files import read_json

FOLDER = KEPT / "prompting"
REVIEWS, PROBLEMS = "rotten_tomatoes", "word_problems"
_TITLES = {REVIEWS: "Film reviews", PROBLEMS: "Word problems"}
_HEADINGS = (
    *("", "examples", "accuracy", "each seed [95 % interval]", "no number", "cut"),
    *("seconds to tune", "seconds to answer"),
)
_ABOUT = """\
Prompting and tuning on the same rows, by `python -m benchmarks.prompting_table`. Seeds draw the
examples, or start the tuning; where the seed changes nothing there is one run. How it is prompted:
[prompting.md](prompting.md).
"""


class Case(NamedTuple):
    """One row of a table: a recipe and what is changed of it."""

    data: str
    name: str
    recipe: str
    settings: tuple[str, ...] = ()
    once: bool = False
    """The seed changes nothing."""


def _shots(kind: str, k: int) -> str:
    return f"method.examples={{kind: {kind}, k: {k}}}"


_PROMPTED, _DIRECT = "rotten_tomatoes_prompted", "word_problems_prompted"
_STEPS, _ASKED = "word_problems_prompted_steps", "word_problems_prompted_instruction"
CASES = (
    Case(REVIEWS, "prompt alone", _PROMPTED, (_shots("seed", 0),), once=True),
    Case(REVIEWS, "8 by seed", _PROMPTED),
    Case(REVIEWS, "8 by class balance", _PROMPTED, (_shots("balanced", 8),)),
    Case(REVIEWS, "8 by likeness", _PROMPTED, (_shots("similar", 8),), once=True),
    Case(REVIEWS, "tuned (LoRA)", "rotten_tomatoes_words", ("training.score_untuned=false",)),
    Case(PROBLEMS, "answer at once", _DIRECT, (_shots("seed", 0),), once=True),
    Case(PROBLEMS, "answer at once, 8 by seed", _DIRECT),
    Case(PROBLEMS, "answer at once, 8 by likeness", _DIRECT, (_shots("similar", 8),), once=True),
    Case(PROBLEMS, "step by step, asked for", _ASKED, once=True),
    Case(PROBLEMS, "step by step, one shown", _STEPS),
    Case(PROBLEMS, "step by step, 4 by seed", _STEPS, (_shots("seed", 4),)),
    Case(PROBLEMS, "step by step, 4 by likeness", _STEPS, (_shots("similar", 4),), once=True),
    Case(PROBLEMS, "tuned on answers (LoRA)", "word_problems_direct"),
    Case(PROBLEMS, "tuned on worked solutions (LoRA)", "word_problems"),
)


class Job(NamedTuple):
    """One run: a case with a seed."""

    case: Case
    seed: int

    @property
    def name(self) -> str:
        """Name of its summary."""
        words = re.sub(r"[^a-z0-9]+", "-", self.case.name.lower()).strip("-")
        return f"{self.case.data}-{words}-seed{self.seed}"


def jobs(seeds: int) -> list[Job]:
    """Return all runs, seed by seed."""
    return [Job(case, s) for s in range(seeds) for case in CASES if not (case.once and s)]


def run(job: Job, data: Path | None, settings: Sequence[str]) -> None:
    """Run a job in a folder that is left behind by its summary alone."""
    # The problems are made, and read from no folder.
    read_from = (f"data.dir={data}",) if data and job.case.data == REVIEWS else ()
    given = [*read_from, *job.case.settings, f"seed={job.seed}", *settings]
    train_and_keep([job.case.recipe, *given], name=job.name, kept=FOLDER)


def tables(folder: Path = FOLDER) -> str:
    """Return a table for each set, of the runs whose summaries are in `folder`."""
    parts = []
    for data, title in _TITLES.items():
        rows = [row for case in CASES if case.data == data for row in _rows(folder, case)]
        if rows:
            lines = [_HEADINGS, ["---"] * len(_HEADINGS), *rows]
            table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
            parts.append(f"### {title}\n\n{_what(folder, data)}\n\n{table}\n")
    return "\n".join(parts)


def section(folder: Path = FOLDER) -> str:
    """Return the page's section about the runs whose summaries are in `folder`, "" of none."""
    found = tables(folder)
    return f"## Prompting beside tuning\n\n{_ABOUT}\n{found}" if found else ""


def _what(folder: Path, data: str) -> str:
    """Say on which rows and what machine the runs of a set were made."""
    found = [read_json(path) for path in sorted(folder.glob(f"{data}-*.json"))]
    result = found[0]["result"]
    where = {
        f"{one['environment'].get('gpu') or one['environment'].get('processor', 'unknown')}, "
        f"{one['environment']['compute']['precision']}"
        for one in found
    }
    return (
        f"{Path(result['base']).name}, {result['rows']['train']:,} training rows, scored on "
        f"{result['rows'][result['split']]:,} {result['split']} rows; {'; '.join(sorted(where))}."
    )


def _rows(folder: Path, case: Case) -> Iterator[list[str]]:
    """Yield the row of a case that was run."""
    name = Job(case, 0).name.removesuffix("0")
    found = [read_json(path) for path in sorted(folder.glob(f"{name}[0-9]*.json"))]
    if not found:
        return
    results = [one["result"] for one in found]
    scored = [result["evaluation"][result["split"]] for result in results]
    metrics = [part["metrics"] for part in scored]
    method = found[0]["recipe"]["method"]
    shown = method["examples"]["k"] if method["kind"] == "prompting" else 0
    yield [
        case.name,
        str(shown),
        _spread([part["accuracy"] for part in metrics]),
        ", ".join(map(_seed, results)),
        f"{1 - mean(m['answered'] for m in metrics):.3f}" if "answered" in metrics[0] else "",
        f"{mean(p['cut'] / p['rows'] for p in scored):.3f}" if "answered" in metrics[0] else "",
        f"{mean(result['seconds'] for result in results):,.0f}",
        f"{mean(part['seconds'] for part in scored):,.0f}",
    ]


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def _seed(result: dict[str, Any]) -> str:
    low, high = result["intervals"]["accuracy"]
    return f"{result['seed']}: {result['metrics']['accuracy']:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="as of loratory train")
    parser.add_argument("--data", type=Path, help="folder of the authors' files; else the wheel")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for job in jobs(given.seeds):
        if not (FOLDER / f"{job.name}.json").exists():
            sys.stdout.write(f"{job.name}\n")
            sys.stdout.flush()
            run(job, given.data, given.settings)


if __name__ == "__main__":
    main()
