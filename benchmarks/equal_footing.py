"""`python -m benchmarks.equal_footing`: every method with the same rows, steps and seeds.

Runs the recipes of recipes/methods, one after the other, and keeps their summaries in
docs/runs/methods; what is there already is not run again, so that it can be stopped at any time.
`python -m benchmarks.results` makes a table of them. What is kept there was run with
`data.dir=FOLDER`, which reads the authors' files and so scores on their validation rows.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from benchmarks.keep import KEPT, train_and_keep
from loratory.recipe.shipped import shipped_recipes
from loratory.runs.json_files import read_json

FOLDER = KEPT / "methods"
SETS = {
    "rotten_tomatoes": (),
    "cola": ("data.name=cola", "data.limit.train=2000", "training.epochs=2"),
}
_METRICS = {"rotten_tomatoes": ("accuracy",), "cola": ("accuracy", "matthews_correlation")}
_HEADINGS = (
    *("method", "metric", "mean", "each seed [95 % interval]", "trainable", "its folder, MB"),
    *("peak MB", "seconds"),
)


class Job(NamedTuple):
    """One run: a method on a set with a seed."""

    seed: int
    data: str
    method: str

    @property
    def name(self) -> str:
        """Name of its summary."""
        return f"{self.data}-{self.method}-seed{self.seed}"


def jobs(seeds: int) -> list[Job]:
    """Return all runs, seed by seed."""
    methods = [name.removeprefix("methods/") for name in shipped_recipes() if "methods/" in name]
    return [Job(s, data, method) for s in range(seeds) for data in SETS for method in methods]


def tables(folder: Path = FOLDER) -> str:
    """Return a table for each set, of the runs whose summaries are in `folder`."""
    parts = []
    for data, metrics in _METRICS.items():
        rows = list(_rows(folder, data, metrics))
        if rows:
            lines = [_HEADINGS, ["---"] * len(_HEADINGS), *rows]
            table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
            parts.append(f"### {data}\n\n{_what(folder, data)}\n\n{table}\n")
    return "\n".join(parts)


def _what(folder: Path, data: str) -> str:
    """Say on which rows and what machine the runs of a set were made."""
    found = [read_json(path) for path in sorted(folder.glob(f"{data}-*.json"))]
    rows, epochs = found[0]["result"]["rows"], found[0]["recipe"]["training"]["epochs"]
    computes = {
        f"{one['environment']['compute']['device']}, {one['environment']['compute']['threads']} "
        f"thread(s), {one['environment']['compute']['precision']}"
        for one in found
    }
    base = Path(found[0]["result"]["base"]).name
    return (
        f"{base}, {rows['train']:,} training rows, {epochs} epoch(s), scored on "
        f"{rows['validation']:,} validation rows on which no checkpoint was chosen; "
        f"{'; '.join(sorted(computes))}."
    )


def _rows(folder: Path, data: str, metrics: Sequence[str]) -> Iterator[list[str]]:
    """Yield a row for each method and metric, the best method first."""
    by_method: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob(f"{data}-*.json")):
        method = path.stem.removeprefix(f"{data}-").rpartition("-")[0]
        by_method.setdefault(method, []).append(read_json(path)["result"])
    first = metrics[0]
    for method in sorted(by_method, key=lambda name: -_mean(by_method[name], first)):
        results = by_method[method]
        for metric in metrics:
            yield [
                method,
                metric,
                _spread([result["metrics"][metric] for result in results]),
                ", ".join(_seed(result, metric) for result in results),
                f"{results[0]['trainable_parameters']:,}",
                f"{results[0]['adapter_bytes'] / 1e6:,.2f}",
                f"{max(result['peak_memory_mb'] for result in results):,.0f}",
                f"{mean(result['seconds'] for result in results):,.0f}",
            ]


def _mean(results: Sequence[dict[str, Any]], metric: str) -> float:
    return mean(float(result["metrics"][metric]) for result in results)


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def _seed(result: dict[str, Any], metric: str) -> str:
    low, high = result["intervals"][metric]
    return f"{result['seed']}: {result['metrics'][metric]:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="as of loratory train")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for job in jobs(given.seeds):
        if not (FOLDER / f"{job.name}.json").exists():
            sys.stdout.write(f"{job.name}\n")
            sys.stdout.flush()
            given_of = [*SETS[job.data], f"seed={job.seed}", *given.settings]
            train_and_keep([f"methods/{job.method}", *given_of], name=job.name, kept=FOLDER)


if __name__ == "__main__":
    main()
