"""`loratory data check`: what the rows look like, before anything is trained on them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from loratory.cli.output import (
    AsJson,
    Overrides,
    Recipe,
    console,
    print_json,
    print_table,
    print_text,
)
from loratory.recipe.load import load_recipe

if TYPE_CHECKING:
    from loratory.inference.audit import DataAudit

app = typer.Typer(no_args_is_help=True, help="Look at the data of a recipe.")


@app.callback()
def data() -> None:
    """Look at the data of a recipe."""


@app.command("check")
def check(recipe: Recipe, overrides: Overrides = None, *, as_json: AsJson = False) -> None:
    """Read and check the rows: classes, lengths in tokens, truncation, duplicates, leaks."""
    settings = load_recipe(recipe, overrides or [])

    from loratory.inference.audit import audit_data

    found = audit_data(settings)
    if as_json:
        print_json(_as_json(found))
    else:
        _show(found)


def _as_json(found: "DataAudit") -> dict[str, Any]:
    return {
        "splits": {
            split: {
                **asdict(audit),
                "source": found.sources[split],
                "tokens": found.tokens[split],
                "truncated": found.truncated[split],
            }
            for split, audit in found.rows.splits.items()
        },
        "shared": {f"{a}, {b}": count for (a, b), count in found.rows.shared.items()},
        "conflicts": len(found.rows.conflicts),
        "leaks": {split: len(repeats) for split, repeats in found.rows.leaks.items()},
        "warnings": list(found.warnings),
    }


def _show(found: "DataAudit") -> None:
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    table = Table()
    for heading in ("split", "rows", "classes", "tokens min/median/95 %/max", "cut", "duplicates"):
        table.add_column(heading)
    for split, audit in found.rows.splits.items():
        classes = "  ".join(f"{name} {count:,}" for name, count in audit.classes.items())
        lengths = "/".join(
            f"{found.tokens[split][key]:.0f}" for key in ("min", "median", "p95", "max")
        )
        table.add_row(
            split,
            f"{audit.rows:,}",
            classes,
            lengths,
            f"{found.truncated[split]:,}",
            f"{audit.duplicates:,}",
        )
    print_table(table)
    for split, source in found.sources.items():
        print_text(f"{split}: {source}")
    for (a, b), count in found.rows.shared.items():
        print_text(f"texts in both {a} and {b}: {count:,}")
    print_text(f"rows with another label than their text had before: {len(found.rows.conflicts):,}")
