"""`loratory data check`: what the rows look like, before anything is trained on them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

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
    from loratory.data.audit import SplitAudit
    from loratory.inference.audit import DataAudit

app = typer.Typer(no_args_is_help=True, help="Look at the data of a recipe.")


@app.callback()
def data() -> None:
    """Look at the data of a recipe."""


@app.command("check")
def check(recipe: Recipe, overrides: Overrides = None, *, as_json: AsJson = False) -> None:
    """Read and check the rows: classes or answers, lengths, truncation, duplicates, leaks."""
    settings = load_recipe(recipe, overrides or [])

    from loratory.inference.audit import audit_data

    found = audit_data(settings)
    if as_json:
        print_json(_as_json(found))
    else:
        _show(found)


def _as_json(found: "DataAudit") -> dict[str, Any]:
    rows = found.rows.to_json()
    splits = {
        split: {
            **numbers,
            "source": found.sources[split],
            "tokens": found.tokens.get(split),
            "truncated": found.truncated.get(split, 0),
        }
        for split, numbers in rows["splits"].items()
    }
    return {**rows, "splits": splits, "warnings": list(found.warnings)}


def _show(found: "DataAudit") -> None:
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow")
    splits = found.rows.splits
    kind = _kind_of(next(iter(splits.values())))
    table = Table()
    counted = [kind.counted] if kind.counted else []
    for heading in ("split", "rows", *counted, "tokens min/median/95 %/max", "cut", "duplicates"):
        table.add_column(heading)
    for split, audit in splits.items():
        counts = "  ".join(f"{name} {count:,}" for name, count in _counts(audit).items())
        table.add_row(
            split,
            f"{audit.rows:,}",
            *([counts] if kind.counted else []),
            _spread(found.tokens[split]) if split in found.tokens else "-",
            f"{found.truncated.get(split, 0):,}",
            f"{audit.duplicates:,}",
        )
    print_table(table)
    for split, source in found.sources.items():
        print_text(f"{split}: {source}")
    for split, audit in splits.items():
        _show_questions(split, audit)
    for (a, b), count in found.rows.shared.items():
        print_text(f"{kind.rows} in both {a} and {b}: {count:,}")
    if kind.conflicts:
        print_text(f"{kind.conflicts}: {len(found.rows.conflicts):,}")


class _Kind(NamedTuple):
    """The words for one kind of rows."""

    rows: str
    counted: str = ""
    """What a split has how many of; empty: nothing to count."""

    conflicts: str = ""


def _kind_of(audit: "SplitAudit") -> _Kind:
    if audit.questions:
        conflicts = "questions answerable here and unanswerable there"
        return _Kind("questions", "questions", conflicts)
    if audit.classes:
        return _Kind("texts", "classes", "rows with another label than their text had before")
    return _Kind("texts")


def _counts(audit: "SplitAudit") -> dict[str, int]:
    if audit.questions:
        asked = audit.questions
        return {"answerable": asked.answerable, "unanswerable": asked.unanswerable}
    return audit.classes


def _show_questions(split: str, audit: "SplitAudit") -> None:
    """Print what a split of questions is made of; nothing for other rows."""
    if audit.questions is None:
        return
    asked = audit.questions
    print_text(f"{split}: contexts {asked.contexts:,}, articles {asked.articles:,}")
    lengths = {"context": audit.characters, "question": asked.question, "answer": asked.answer}
    shown = [f"{part} {_spread(asdict(found))}" for part, found in lengths.items() if found]
    print_text(f"{split}: characters min/median/95 %/max: {', '.join(shown)}")


def _spread(lengths: dict[str, Any]) -> str:
    return "/".join(f"{lengths[key]:.0f}" for key in ("min", "median", "p95", "max"))
