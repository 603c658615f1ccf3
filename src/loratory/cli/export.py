"""`loratory export`: a run as a folder for others to load, with a certificate."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from loratory.cli.output import AsJson, changed_words, console, out_of_range, print_json, print_text

_MEGABYTE = 1_000_000


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    to: Annotated[
        Literal["peft", "transformers", "onnx", "onnx-int8", "executorch", "gguf"],
        typer.Option(
            help="peft: the adapter. transformers: a merged model. onnx: one file for onnxruntime, "
            "in float32 or int8. executorch: one program for phones. gguf: one file for llama.cpp."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not be there, or be empty.")],
    rows: Annotated[int, typer.Option(help="How many rows to compare on.")] = 200,
    file: Annotated[
        Path | None, typer.Option(help="Compare on rows of this file, not on the run's own.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write a tuned model for others to load, if there it computes what the run does.

    What was written is read back by its own runtime and compared with the run; certificate.json in
    the folder says how far they are apart. Above the tolerance nothing is written. `loratory
    predict` and `evaluate` take the folder as they take a run.
    """
    if rows < 1:
        raise out_of_range("--rows", rows, "a whole number of at least 1")

    from loratory.export.export import export_run

    found = export_run(run, out, to=to, rows=rows, file=file)
    if as_json:
        print_json({"out": str(found.out), "certificate": found.certificate})
        return
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow")
    _show(found.out, found.certificate)


def _show(out: Path, found: dict[str, Any]) -> None:
    print_text(f"model: {out}")
    print_text(
        f"size: {found['bytes'] / _MEGABYTE:,.1f} MB, {found['share_of_float32']:.1%} of "
        "the weights in float32"
    )
    print_text(
        f"largest logit difference: {found['max_logit_difference']:.2g} on {found['rows']:,} "
        f"{found['split']} rows{changed_words(found['changed_predictions'])}"
    )
    print_text(f"allowed: {found['tolerance']:g} ({found['tolerance_is']})")
    print_text(
        f"{found['metric']}: {_number(found['metric_before'])} of the run, "
        f"{_number(found['metric_after'])} of what was written"
    )
    print_text(f"how to read: {found['how_to_read']}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
