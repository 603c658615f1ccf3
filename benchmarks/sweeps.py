"""`python -m benchmarks.sweeps SWEEP…`: keeps what finished sweeps found in docs/runs/sweeps.

One JSON file a sweep, named after its recipe, with that recipe, and its two pictures beside it.
`python -m benchmarks.results` makes tables of them.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.keep import KEPT, run_summary, without_paths
from benchmarks.made_by import made_by
from loratory.errors import RunError
from loratory.experiments.curves import GRADIENT, LOSS
from loratory.experiments.sweep_folder import SweepFolder
from loratory.recipe.load import load_recipe
from loratory.recipe.sweep import shown
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json, write_json

FOLDER = KEPT / "sweeps"


def keep_sweep(sweep: Path, *, kept: Path = FOLDER) -> Path:
    """Write the summary of a sweep to `kept`, copy its pictures, and return the summary's file.

    Raises:
        RunError: the folder is no sweep, or has no result yet.
    """
    folder = SweepFolder.open(sweep)
    result = read_json(folder.result)
    runs = [
        folder.path / trial["run"] for trial in result["trials"] if trial["state"] == "finished"
    ]
    if not runs:
        raise RunError(
            "RUN-UNFINISHED",
            "no trial of the sweep has finished",
            at=str(sweep),
            fix=f"go on with `loratory sweep --resume {sweep}`",
        )
    summary = run_summary(runs[-1])
    facts = {key: summary["result"][key] for key in ("base", "rows", "steps")}
    environments = [read_json(RunFolder(run).environment) for run in runs]
    facts["precisions"] = sorted({found["compute"]["precision"] for found in environments})
    del result["dir"]
    kept.mkdir(parents=True, exist_ok=True)
    target = kept / f"{result['name']}.json"
    what = {
        "recipe": load_recipe(folder.recipe).model_dump(mode="json"),
        "environment": summary["environment"],
        "facts": facts,
        "result": result,
    }
    write_json(target, without_paths(what))
    for picture in (LOSS, GRADIENT):
        shutil.copyfile(folder.plots / picture, kept / f"{result['name']}-{picture}")
    return target


def tables(folder: Path = FOLDER) -> str:
    """Return a table for each sweep whose summary is in `folder`, with its pictures."""
    parts = []
    for path in sorted(folder.glob("*.json")):
        found = read_json(path)
        rows = list(_rows(found["result"]))
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
        pictures = "\n".join(
            f"![{words}](runs/{folder.name}/{path.stem}-{picture})"
            for words, picture in (
                ("Loss on the validation rows over the steps", LOSS),
                ("Norm of the gradient in each block over the steps", GRADIENT),
            )
            if (folder / f"{path.stem}-{picture}").exists()
        )
        parts.append(f"### {path.stem}\n\n{_what(found)}\n\n{table}\n\n{pictures}\n")
    return "\n".join(parts)


def _what(found: dict[str, Any]) -> str:
    """Say on which rows, what machine and with which seeds the trials were run, and by what."""
    facts, result, compute = found["facts"], found["result"], found["environment"]["compute"]
    device = found["environment"].get("gpu") or compute["device"]
    seeds = sorted({trial["seed"] for trial in result["trials"]})
    states = [trial["state"] for trial in result["trials"]]
    ended = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return (
        f"{Path(facts['base']).name}, {facts['rows']['train']:,} training rows, {facts['steps']:,} "
        f"steps, {result['metric']} on {facts['rows']['validation']:,} validation rows; seeds "
        f"{', '.join(map(str, seeds))}; {device}, "
        f"{' and '.join(facts['precisions'])}; trials: {ended}. {_by(found)}"
    )


def _by(found: dict[str, Any]) -> str:
    if "recipe" in found:
        return f"By {made_by(found['recipe'], 'sweep')}."
    return "What was changed of the recipe, but for the rows, was not kept."


def _rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the headings and a row for each point, best first."""
    rows = result["table"]
    keys = list(dict.fromkeys(key for row in rows for key in row["settings"]))
    costs = ("trainable", "seconds")
    yield [*keys, "best checkpoint", "95 % interval", "like", "last checkpoint", *costs]
    yield ["---"] * (len(keys) + 4 + len(costs))
    for row in rows:
        settings = row["settings"]
        spread = f" ± {row['spread']:.3f}" if row["spread"] is not None else ""
        yield [
            *(_cell(settings[key]) if key in settings else "" for key in keys),
            f"{_number(row['value'])}{spread}",
            " to ".join(map(_number, row["interval"] or ())),
            row["group"] or "",
            _number(row["last"]),
            "" if (held := row["costs"]["trainable_parameters"]) is None else f"{held:,.0f}",
            "" if (held := row["costs"]["seconds"]) is None else f"{held:,.0f}",
        ]


def _cell(value: Any) -> str:
    return f"`{shown(value)}`".replace("|", "\\|")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def main() -> None:
    """Keep the sweeps that are named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweeps", nargs="+", type=Path, metavar="SWEEP", help="a sweep's folder")
    for sweep in parser.parse_args().sweeps:
        sys.stdout.write(f"{keep_sweep(sweep)}\n")


if __name__ == "__main__":
    main()
