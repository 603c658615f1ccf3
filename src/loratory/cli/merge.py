"""`loratory merge`: make a run a plain transformers model, certified to compute the same."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from loratory.cli.output import AsJson, console, out_of_range, print_json, print_text


def merge(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not be there, or be empty.")],
    rows: Annotated[int, typer.Option(help="How many rows to compare on.")] = 200,
    file: Annotated[
        Path | None, typer.Option(help="Compare on rows of this file, not on the run's own.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            help="The most that a logit may differ by: relative to the largest one, absolute where "
            "that is below 1."
        ),
    ] = 2e-5,
    *,
    as_json: AsJson = False,
) -> None:
    """Write a tuned model as a plain transformers folder, if it computes what the run does.

    The folder is read back, by Loratory and by transformers, and compared with the run in float32;
    certificate.json in it says how far they are apart. Above the tolerance nothing is written.
    """
    if rows < 1:
        raise out_of_range("--rows", rows, "a whole number of at least 1")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise out_of_range("--tolerance", tolerance, "a number above 0")

    from loratory.export.merge import merge_run

    merged = merge_run(run, out, rows=rows, file=file, tolerance=tolerance)
    found = merged.certificate
    if as_json:
        print_json({"out": str(merged.out), "certificate": found})
        return
    for warning in merged.warnings:
        console.print(f"warning: {warning}", style="yellow")
    _show(merged.out, found)


def _show(out: Path, found: dict[str, Any]) -> None:
    stock = found["transformers"]
    print_text(f"model: {out}")
    print_text(
        f"largest logit difference: {found['max_logit_difference']:.2g} on {found['rows']:,} "
        f"{found['split']} rows (allowed: {found['allowed_logit_difference']:.2g})"
    )
    if stock["class"] is None:
        print_text(f"not read by transformers: {stock['why']}")
    else:
        print_text(f"as {stock['class']} reads it: {stock['max_logit_difference']:.2g}")
    print_text(
        f"{found['metric']}: {_number(found['metric_before'])} before, after "
        f"{_number(found['metric_after'])}"
    )
    print_text(f"how to read: {found['how_to_read']}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
