"""`python -m benchmarks.results RUN…`: a table of finished runs, from their folders alone.

Runs that differ in nothing but the seed share a row: the mean over seeds, their spread, and the
95 % interval of each.
"""

import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from loratory.recipe.load import load_recipe
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json

_HEADINGS = (
    "recipe",
    "base",
    "train rows",
    "scored on",
    "metric",
    "mean of seeds",
    "each seed [95 % interval]",
    "TF-IDF baseline",
    "precision",
    "trainable",
    "peak MB",
)


def table(runs: list[Path]) -> str:
    """Return the Markdown table of `runs`."""
    groups: defaultdict[str, list[RunFolder]] = defaultdict(list)
    for path in runs:
        folder = RunFolder.open(path)
        settings = load_recipe(folder.recipe).model_copy(update={"seed": 0})
        groups[settings.model_dump_json()].append(folder)
    lines = [_row(_HEADINGS), _row("---" for _ in _HEADINGS)]
    return "\n".join([*lines, *(_row(_cells(folders)) for folders in groups.values())])


def _cells(folders: list[RunFolder]) -> list[str]:
    results: list[dict[str, Any]] = [read_json(folder.result) for folder in folders]
    recipe, first = load_recipe(folders[0].recipe), results[0]
    metric = recipe.training.select or "accuracy"
    values = [result["metrics"][metric] for result in results]
    seeds = ", ".join(
        f"{result['seed']}: {value:.3f} [{low:.3f}, {high:.3f}]"
        for result, value in zip(results, values, strict=True)
        for low, high in [result["intervals"][metric]]
    )
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return [
        str(recipe.name),
        Path(recipe.base).name,
        f"{first['rows']['train']:,}",
        f"{first['rows'][first['split']]:,} {first['split']} rows",
        metric,
        f"{statistics.mean(values):.3f}{spread}",
        seeds,
        f"{first['baselines'][first['split']][0]['metrics'][metric]:.3f}",
        read_json(folders[0].environment)["compute"]["precision"],
        f"{first['trainable_parameters']:,}",
        f"{max(result['peak_memory_mb'] for result in results):,.0f}",
    ]


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(table([Path(argument) for argument in sys.argv[1:]]) + "\n")
