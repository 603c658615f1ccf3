"""`python -m benchmarks.int8_accuracy`: what an int8 base costs in accuracy, beside a float32 one.

The same recipe, rows and seeds, with each; what is kept already is not run again, so that it can be
stopped at any time. `python -m benchmarks.results` makes a table of them.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import equal_footing
from benchmarks.keep import KEPT, train_and_keep

FOLDER = KEPT / "int8"
RECIPE = "methods/lora"
PRECISIONS = ("float32", "int8")
_ABOUT = """\
LoRA beside a frozen base in float32 and in int8 (`training.precision=int8`), by
`python -m benchmarks.int8_accuracy`: the same rows, steps and seeds.
"""


def jobs(seeds: int) -> dict[str, list[str]]:
    """Return of each run's name what makes it, seed by seed."""
    return {
        f"rotten_tomatoes-{precision}-seed{seed}": [
            *(RECIPE, f"seed={seed}", f"training.precision={precision}"),
        ]
        for seed in range(seeds)
        for precision in PRECISIONS
    }


def section(folder: Path = FOLDER) -> str:
    """Return the page's section about the runs whose summaries are in `folder`, "" of none."""
    tables = equal_footing.tables(folder)
    return f"## An int8 base\n\n{_ABOUT}\n{tables}" if tables else ""


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="as of loratory train")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for name, arguments in jobs(given.seeds).items():
        if not (FOLDER / f"{name}.json").exists():
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
            train_and_keep([*arguments, *given.settings], name=name, kept=FOLDER)


if __name__ == "__main__":
    main()
