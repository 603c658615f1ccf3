"""`loratory sweep`: try the settings that a recipe's sweep section names, and rank them."""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from loratory.cli.output import (
    AsJson,
    Overrides,
    console,
    print_json,
    print_table,
    print_text,
    with_interval,
)
from loratory.cli.sweep_progress import SweepProgress
from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Recipe
from loratory.recipe.sweep import in_words, shown

if TYPE_CHECKING:
    from loratory.experiments.sweep import SweepRun

_NARROWEST = 6  # characters of a column of settings
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
Budget = Annotated[str | None, typer.Option(help="Time to take, such as 90s, 30m or 2h.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Trials side by side; absent: 1, on Ray one a GPU or, without, a machine."
    ),
]


def sweep(  # noqa: PLR0913, PLR0917 - one parameter an option
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe with a sweep section, or the name of one.")
    ] = None,
    overrides: Overrides = None,
    budget: Budget = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Do only so many trials, the first ones.")
    ] = None,
    workers: Workers = None,
    on: Annotated[str | None, typer.Option(help="ray: workers on a Ray cluster.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a sweep to go on with.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the new sweep.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Train with every choice of settings that a recipe's sweep section names, and compare them.

    Examples: `loratory sweep sweeps/rotten_tomatoes_rank_alpha --budget 2h`, `loratory sweep
    my.yaml training.epochs=2 --workers 2`, `loratory sweep --resume sweeps/NAME`.
    """
    settings = _settings(recipe, overrides or [], out=out, resume=resume)
    seconds = None if budget is None else budget_seconds(budget)
    if on not in (None, "ray"):
        raise ConfigError(
            "CFG-USAGE",
            "there is no such place to work",
            at="--on",
            got=on,
            expected="ray",
            fix="--on ray, or leave it out",
        )

    from loratory.experiments import sweep as sweeps

    effort = sweeps.Effort(seconds, trials, workers, "ray" if on else None)
    with SweepProgress() as progress:
        if settings is None:
            assert resume is not None
            done = sweeps.resume(resume, effort=effort, say=progress)
        else:
            done = sweeps.sweep(settings, out=out, effort=effort, say=progress)
    if as_json:
        print_json(done.result)
    else:
        show(done)


def budget_seconds(text: str) -> float:
    """Return the seconds that `90s`, `30m`, `1.5h` or a number of seconds means.

    Raises:
        ConfigError: CFG-USAGE, when it means none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None or not float(found[1]):
        raise ConfigError(
            "CFG-USAGE",
            "this is no length of time",
            at="--budget",
            got=text,
            expected="such as 90s, 30m or 2h",
            fix="write a number above 0, and s, m or h",
        )
    return float(found[1]) * _SECONDS[found[2]]


def _settings(
    recipe: str | None, overrides: list[str], *, out: Path | None, resume: Path | None
) -> Recipe | None:
    """Return the recipe to sweep, or None where a sweep is to go on."""
    if resume is None and recipe is not None:
        settings = load_recipe(recipe, overrides)

        from loratory.experiments.plan import check_overrides, make_plan

        check_overrides(settings, overrides)
        make_plan(settings)
        return settings
    if resume is None:
        problem, fix = "no recipe is named", "loratory sweep RECIPE, or --resume SWEEP"
    elif recipe is not None or out is not None:
        problem = "a sweep goes on with its own recipe in its own folder"
        fix = "give --resume SWEEP alone"
    else:
        return None
    raise ConfigError("CFG-USAGE", problem, at="command line", fix=fix)


def show(done: "SweepRun") -> None:
    """Print a sweep's table, the best point, and what to do with it."""
    result = done.result
    print_table(_table(result))
    for note in result["notes"]:
        console.print(f"note: {note}", style="yellow")
    print_text(f"folder:  {done.path}")
    best = result["best"]
    if best is None:
        return
    print_text(f"best:    {in_words(best['settings'])}")
    whole = [row for row in result["table"] if {*row["states"]} == {"finished"}]
    runs = [run for row in whole[:2] for run in row["runs"]]
    finished = next(r for r, s in zip(best["runs"], best["states"], strict=True) if s == "finished")
    print_text(f"use it:  loratory evaluate {done.path / finished} --split test")
    if len(runs) > 1:
        print_text(f"confirm: loratory compare {' '.join(str(done.path / run) for run in runs)}")


def _table(result: dict[str, Any]) -> Table:
    rows, metric = result["table"], result["metric"]
    seeds = max((len(row["seeds"]) for row in rows), default=0)
    title = f"{metric} on the validation rows" + (f", mean of {seeds} seeds" if seeds > 1 else "")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    keys = list(dict.fromkeys(key for row in rows for key in row["settings"]))
    for key in keys:
        # At a space a long name may be broken.
        name = key.rpartition(".")[2].replace("_", " ")
        table.add_column(name, overflow="fold", min_width=_NARROWEST)
    for heading in (metric, "95 % interval", "like", "last", "s"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        settings = [shown(row["settings"][key]) if key in row["settings"] else "" for key in keys]
        low, high = row["interval"] or (None, None)
        seconds = row["costs"]["seconds"]
        table.add_row(
            *settings,
            _value(row),
            "" if low is None else f"{low:.3f} {high:.3f}",
            row["group"] or "",
            with_interval(row["last"], None),
            "-" if seconds is None else f"{seconds:.0f}",
        )
    return table


def _value(row: dict[str, Any]) -> str:
    spread = f" ± {row['spread']:.3f}" if row["spread"] is not None else ""
    value = with_interval(row["value"], None) + spread
    states = Counter(state for state in row["states"] if state != "finished")
    return ", ".join([value, *(f"{count} {state}" for state, count in states.items())])
