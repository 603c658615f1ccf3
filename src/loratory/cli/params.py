"""`loratory params`: how many numbers a method trains, part by part, without loading any."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from loratory.cli.output import AsJson, print_json, print_table, print_text
from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe, recipe_for
from loratory.recipe.schema import Recipe

if TYPE_CHECKING:
    from loratory.methods.count import Count, Counts

_NAMES = {"feed_forward": "feed-forward", "method": "added by the method"}


def params(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECIPE] [KEY=VALUE]...",
            help="A recipe file, or the name of one that comes along; settings to change.",
        ),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="A base, in place of a recipe; the task is plain text.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="With --base: the method's kind.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Count the parameters that a method trains and those it leaves; no weight is loaded.

    Examples: `loratory params quickstart method.r=4`,
    `loratory params --base gpt2 --method bitfit`.
    """
    recipe = _recipe(arguments or [], base, method)

    # Only now: a wrong recipe is refused before anything heavy is loaded.
    from loratory.inference.parameters import recipe_counts

    counts = recipe_counts(recipe)
    if as_json:
        print_json(_as_json(counts))
    else:
        _show(counts)


def _recipe(arguments: list[str], base: str | None, method: str | None) -> Recipe:
    if base is not None and method is not None and all("=" in text for text in arguments):
        return recipe_for(base, method, arguments)
    if base is None and method is None and arguments:
        return load_recipe(arguments[0], arguments[1:])
    if not arguments and base is None and method is None:
        problem = "neither a recipe nor a base is named"
        fix = "loratory params quickstart, or --base BASE --method KIND"
    elif base is not None and (other := [text for text in arguments if "=" not in text]):
        problem = f"there is --base and also {other[0]!r}, which is no KEY=VALUE"
        fix = "give a recipe and base=BASE, or --base BASE --method KIND [KEY=VALUE]..."
    elif base is not None:
        problem, fix = "the base has no method", "add --method KIND, such as --method lora"
    else:
        problem = "--method belongs to --base"
        fix = "give --base BASE too, or a recipe and method.kind=KIND"
    raise ConfigError("CFG-USAGE", problem, at="command line", fix=fix)


def _as_json(counts: "Counts") -> dict[str, Any]:
    return {
        **_numbers(counts),
        "share": counts.share,
        "parts": {name: _numbers(part) for name, part in counts.parts.items()},
        "adapter_bytes": counts.adapter_bytes,
        "optimizer_bytes": counts.optimizer_bytes,
    }


def _numbers(counts: "Counts | Count") -> dict[str, int]:
    return {"total": counts.total, "trainable": counts.trainable, "frozen": counts.frozen}


def _show(counts: "Counts") -> None:
    table = Table()
    table.add_column("part")
    for heading in ("total", "trainable", "frozen"):
        table.add_column(heading, justify="right")
    for name, part in counts.parts.items():
        table.add_row(_NAMES.get(name, name), *_cells(part))
    table.add_section()
    table.add_row("all", *_cells(counts))
    print_table(table)
    print_text(f"trainable: {100 * counts.share:.4f} % of all")
    print_text(f"adapter:   {_megabytes(counts.adapter_bytes)} of float32 in its folder")
    print_text(
        f"optimiser: {_megabytes(counts.optimizer_bytes)}: AdamW's two moments and the gradient "
        "of what trains, in float32"
    )


def _cells(counts: "Counts | Count") -> list[str]:
    return [f"{number:,}" for number in _numbers(counts).values()]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
