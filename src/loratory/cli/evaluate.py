"""`loratory evaluate`: score a run on a split of its data, or on a file of one's own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from loratory.cli.output import (
    AsJson,
    Precision,
    console,
    print_json,
    print_table,
    print_text,
    with_interval,
)
from loratory.errors import ConfigError


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    split: Annotated[str | None, typer.Option(help="train, validation or test.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A labelled file with the run's columns.")
    ] = None,
    precision: Precision = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Score a tuned model; the predictions are kept in the run folder.

    Without --split or --file: the test split where there is one, else validation.
    """
    if split is not None and file is not None:
        raise ConfigError(
            "CFG-USAGE", "both --split and --file are given", at="command line", fix="give one"
        )

    from loratory.inference.evaluate import evaluate_run

    found = evaluate_run(run, split=split, file=file, precision=precision)
    if as_json:
        print_json(
            {
                "run": str(run),
                "split": found.split,
                "rows": found.rows,
                "metrics": found.metrics,
                "intervals": found.intervals,
                "squad_script": found.squad_script,
                "predictions": str(found.predictions),
            }
        )
        return
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow")
    table = Table(title=f"{found.split}: {found.rows:,} rows, 95 % intervals", title_justify="left")
    table.add_column("metric")
    table.add_column("value")
    for name, value in found.metrics.items():
        table.add_row(name, with_interval(value, found.intervals.get(name)))
    print_table(table)
    if found.squad_script:
        numbers = ", ".join(f"{name} {value:g}" for name, value in found.squad_script.items())
        print_text(f"SQuAD's script would print: {numbers}")
    print_text(f"predictions: {found.predictions}")
