"""`loratory quantize`: a run in whole numbers, or the ladder from its base down to int4."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from loratory.cli.output import (
    AsJson,
    changed_words,
    console,
    print_json,
    print_table,
    print_text,
    with_interval,
)
from loratory.errors import ConfigError
from loratory.recipe.quantization import QuantizationSection, section_of
from loratory.recipe.yaml_file import read_yaml_text
from loratory.report.formats import bracketed

_MEGABYTE = 1_000_000


def quantize(  # noqa: PLR0913 - one parameter an option
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folder of a finished run; for a ladder also those of runs on the same rows that "
            "were trained for int8 or int4.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; it must not be there, or be empty.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="int8, int4, or a recipe's section such as '{kind: int4, group_size: 64}'; "
            "absent: what the run was trained for."
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(help="How many rows to compare on; absent: 200, or all of a ladder."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Compare on rows of this file, not on the run's own.")
    ] = None,
    *,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="Compare all ways to ship it, from the base to int4.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a tuned model in whole numbers, or compare all that may be written of it.

    The folder is read back and compared; certificate.json in it says how far it is from the run.
    `loratory predict` and `evaluate` take it as they take a run. A ladder is kept in the run's
    folder: ladder.json, ladder.html and plots/ladder.png.
    """
    if rows is not None and rows < 1:
        raise _usage("--rows is out of range", got=rows, fix="set it to at least 1")
    if ladder and (out is not None or to is not None):
        problem = "a ladder quantises in every way, and writes nothing to keep"
        raise _usage(problem, fix="leave --out and --to out, or --ladder")
    if ladder:
        _ladder(runs, rows, file, as_json=as_json)
    elif out is None or len(runs) > 1:
        problem = "one run is quantised at a time, into a folder"
        raise _usage(problem, fix="loratory quantize RUN --to int8 --out DIR, or RUN... --ladder")
    else:
        _quantise(runs[0], out, _section(to), rows or 200, file, as_json=as_json)


def _quantise(
    run: Path,
    out: Path,
    section: QuantizationSection | None,
    rows: int,
    file: Path | None,
    *,
    as_json: bool,
) -> None:
    from loratory.export.quantize import quantize_run

    quantised = quantize_run(run, out, section=section, rows=rows, file=file)
    if as_json:
        print_json({"out": str(out), "certificate": quantised.certificate})
        return
    for warning in quantised.warnings:
        console.print(f"warning: {warning}", style="yellow")
    for line in quantised.lines:
        print_text(line)
    _show(out, quantised.certificate)


def _section(text: str | None) -> QuantizationSection | None:
    at = "command line: --to"
    if text is None:
        return None
    return section_of(text if text.isalnum() else read_yaml_text(text, at).values, at=at)


def _show(out: Path, found: dict[str, Any]) -> None:
    rounded = found["rounded"]
    print_text(f"model: {out}")
    print_text(
        f"size: {found['bytes'] / _MEGABYTE:,.1f} MB, {found['share_of_float32']:.1%} of float32"
    )
    print_text(
        f"largest logit difference: {found['max_logit_difference']:.2g} from the merged model on "
        f"{found['rows']:,} {found['split']} rows, {rounded['max_logit_difference']:.2g} from "
        "torchao's rounding of it"
    )
    print_text(
        f"{found['metric']}: {_number(found['metric_before'])} merged, "
        f"{_number(found['metric_after'])} quantised{changed_words(found['changed_predictions'])}"
    )
    print_text(f"how to read: {found['how_to_read']}")


def _ladder(runs: list[Path], rows: int | None, file: Path | None, *, as_json: bool) -> None:
    from loratory.export.ladder import write_ladder

    found, page = write_ladder(runs[0], runs[1:], rows=rows, file=file, tell=console.print)
    if as_json:
        print_json(found)
        return
    table = Table(
        title=f"{found['metric']} on {found['rows']:,} {found['split']} rows, 95 % intervals",
        title_justify="left",
    )
    for heading in ("", found["metric"], "difference", "p", "MB", "ms a text", "rows/s"):
        table.add_column(heading)
    for rung in found["rungs"]:
        table.add_row(rung["name"], *_cells(rung))
    print_table(table)
    for rung in found["rungs"]:
        if rung["missing"]:
            print_text(f"{rung['name']}: {rung['missing']}")
    for pair in found["pairs"]:
        interval = bracketed(pair["interval"], decimals=4, signed=True)
        print_text(
            f"{pair['a']} against {pair['b']}: {pair['difference']:+.4f} {interval}, "
            f"p {pair['p_value']:.3f}"
        )
    print_text(f"page: {page}")


def _cells(rung: dict[str, Any]) -> list[str]:
    if "bytes" not in rung:
        return ["-"] * 6
    difference, p_value = rung.get("difference"), rung.get("p_value")
    return [
        with_interval(rung["value"], rung["interval"]),
        "-" if difference is None else f"{difference:+.4f}",
        "-" if p_value is None else f"{p_value:.3f}",
        f"{rung['bytes'] / _MEGABYTE:,.1f}",
        f"{rung['latency_ms']:.1f}",
        f"{rung['rows_per_second']:,.0f}",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _usage(problem: str, *, fix: str, got: object = None) -> ConfigError:
    return ConfigError("CFG-USAGE", problem, at="command line", got=got, fix=fix)
