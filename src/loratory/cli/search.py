"""`loratory search`: the best method for some rows within some time."""

from pathlib import Path
from typing import Annotated, Any

import typer

from loratory.cli.output import AsJson, console, print_json, print_text
from loratory.cli.sweep import budget_seconds
from loratory.cli.sweep_progress import SweepProgress
from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe, recipe_of
from loratory.recipe.schema import Recipe
from loratory.recipe.shipped import shipped_recipes
from loratory.recipe.sweep import in_words

_BASE = "smollm2-135m"
_BUDGET = "20m"
_RECIPES = (".yaml", ".yml")
# Of all rows; what is left is trained on.
_VALIDATION, _TEST = 0.2, 0.1


def search(  # noqa: PLR0913 - one parameter an option
    file: Annotated[
        str | None, typer.Argument(help="Labelled .csv, .tsv, .jsonl or .parquet; or a recipe.")
    ] = None,
    *,
    label: Annotated[str | None, typer.Option(help="Column that holds the classes.")] = None,
    text: Annotated[str | None, typer.Option(help="Column that holds the texts.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time to take, such as 20m or 2h; absent: 20m.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Base; absent: the recipe's, or smollm2-135m.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a search to go on with.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the new search.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the best method and settings for your rows within a time, and say why they are.

    Examples: `loratory search reviews.csv --text review --label stars --budget 20m`,
    `loratory search --resume searches/NAME`.
    """
    given = [file, label, text, budget, base, out]
    if (file is None) == (resume is None) or (resume and any(each is not None for each in given)):
        raise ConfigError(
            "CFG-USAGE",
            "a search begins with rows, or goes on with its own in the time it has left",
            at="command line",
            fix="loratory search FILE, or --resume SEARCH alone",
        )
    seconds = budget_seconds(budget or _BUDGET)
    recipe = None if file is None else _recipe(file, text=text, label=label, base=base)

    from loratory.experiments import search as searches

    with SweepProgress() as progress:
        if recipe is None:
            assert resume is not None
            found = searches.resume(resume, say=progress)
        else:
            found = searches.search(recipe, seconds, out=out, say=progress)
    if as_json:
        print_json(found.result)
        return
    best = found.result["best"]
    for reason in found.result["reasons"]:
        print_text(f"- {reason}")
    print_text(f"best:   {in_words(best['settings'])}")
    print_text(f"recipe: {best['recipe']}")
    print_text(f'use it: loratory predict {best["runs"][0]} "a text"')


def _recipe(file: str, *, text: str | None, label: str | None, base: str | None) -> Recipe:
    """Return the recipe where the search begins.

    Raises:
        ConfigError, DataError: there is none, or it cannot be told which column is which.
    """
    if file in shipped_recipes() or file.endswith(_RECIPES):
        if text is not None or label is not None:
            raise ConfigError(
                "CFG-USAGE",
                "a recipe names its own columns",
                at="command line",
                fix="leave --text and --label out, or give the file of the rows",
            )
        given = {"sweep": None} | ({} if base is None else {"base": base})
        return load_recipe(file, given)

    from loratory.data.columns import text_and_label

    path = Path(file)
    texts, labels = text_and_label(path, text, label)
    console.print(f"texts: column {texts}; classes: column {labels}")
    settings: dict[str, Any] = {
        "data": {
            "train": str(path.absolute()),
            "text": texts,
            "label": labels,
            "holdout": {"validation": _VALIDATION, "test": _TEST},
        },
        "base": base or _BASE,
    }
    return recipe_of(path.stem, settings)
