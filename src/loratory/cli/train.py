"""`loratory train`: run a recipe, or go on with a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
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
from loratory.cli.progress import RunProgress
from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Recipe
from loratory.report.commands import commands

if TYPE_CHECKING:
    from loratory.pipeline import Run


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe file, or the name of one that comes along.")
    ] = None,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the new run.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a run to go on with.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tune a model as a recipe says, and account for the result.

    Examples: `loratory train quickstart`, `loratory train my.yaml base=gpt2 training.epochs=3`,
    `loratory train --resume runs/NAME`.
    """
    settings = _settings(recipe, overrides or [], out=out, resume=resume)

    # Only now: a wrong recipe is refused before anything heavy is loaded.
    from loratory import pipeline

    with RunProgress() as progress:
        if settings is None:
            assert resume is not None
            run = pipeline.resume(resume, watch=progress)
        else:
            run = pipeline.train(settings, out=out, watch=progress)
    if as_json:
        print_json(run.result)
    else:
        _show(run)


def _settings(
    recipe: str | None, overrides: list[str], *, out: Path | None, resume: Path | None
) -> Recipe | None:
    """Return the recipe to run, or None where a run is to go on."""
    if resume is None and recipe is not None:
        return load_recipe(recipe, overrides)
    if resume is None:
        problem, fix = "no recipe is named", "loratory train quickstart, or --resume RUN"
    elif recipe is not None or out is not None:
        problem = "a run goes on with its own recipe in its own folder"
        fix = "give --resume RUN alone"
    else:
        return None
    raise ConfigError("CFG-USAGE", problem, at="command line", fix=fix)


def _show(run: "Run") -> None:
    result = run.result
    for warning in result["warnings"]:
        console.print(f"warning: {warning}", style="yellow")
    for split, found in result["evaluation"].items():
        print_table(_scores(split, found, result["baselines"][split]))
    if result["steps"]:
        # A run that was finished by an earlier version says nothing of a GPU.
        on_gpu = result.get("peak_gpu_memory_mb")
        print_text(
            f"{result['seconds']:.0f} s of training, {result['tokens_per_second']:.0f} tokens/s, "
            f"at most {result['peak_memory_mb']:,.0f} MB, "
            f"{f'on the GPU {on_gpu:,.0f} MB, ' if on_gpu else ''}"
            f"{result['adapter_bytes'] / 1e6:.1f} MB of tuned weights"
        )
    for kind, look in run.looks.items():
        print_text(f"{kind}: {look}")
    print_text(f"report:  {run.path / 'report.html'}")
    print_text(f"use it:  {commands(run.recipe.task.reads, str(run.path)).use}")


def _scores(split: str, found: dict[str, Any], baselines: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{split}: {found['rows']:,} rows, 95 % intervals", title_justify="left")
    table.add_column("metric")
    table.add_column("tuned model")
    for baseline in baselines:
        table.add_column(baseline["name"])
    for metric, value in found["metrics"].items():
        cells = [with_interval(value, found["intervals"].get(metric))]
        cells += [with_interval(b["metrics"].get(metric), None) for b in baselines]
        table.add_row(metric, *cells)
    return table
