"""`loratory predict`: what a run says of texts, of questions, of a file or standard input."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from loratory.cli.output import AsJson, Precision, console, print_json, print_text, standard_input
from loratory.errors import ConfigError


def predict(  # noqa: PLR0913 - one parameter an option
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Texts, or questions with contexts: a .csv, .tsv, .jsonl or .parquet file; "
            "texts also as .txt lines, questions as SQuAD's .json."
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(help="The file's column of texts; else that of the run's own rows."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File for the predictions.")] = None,
    precision: Precision = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Predict texts given here, in a file, or one per line on standard input.

    Prints one JSON object per text or question: its id, text, prediction, and the scores of all
    labels or answers. Questions come in a file, with the columns question and context.
    """
    if file is None and column is not None:
        raise _unusable("a column is named, and no file", "give --file, or leave --column out")
    if texts and file is not None:
        raise _unusable("both texts and --file are given", "give one")
    given = texts or (None if file is not None else _standard_input())

    from loratory.inference.predict_texts import predict_file, predict_texts
    from loratory.metrics.predictions import write_predictions

    if given is not None:
        lines = predict_texts(run, given, precision=precision)
    else:
        assert file is not None
        lines = predict_file(run, file, column=column, precision=precision)
    if out is not None:
        write_predictions(out, lines)
        console.print(f"{len(lines):,} predictions in {out}")
    shown: list[dict[str, Any]] = [
        {"id": line.id, "prediction": line.prediction, "scores": line.scores} for line in lines
    ]
    if as_json:
        print_json({"predictions": shown})
    elif out is None:
        for line, entry in zip(lines, shown, strict=True):
            print_text(json.dumps({**entry, "text": line.text}, ensure_ascii=False))


def _standard_input() -> list[str]:
    lines = [line.rstrip("\r\n") for line in standard_input("one text per line")]
    if not lines:
        fix = 'loratory predict RUN "a text", --file F, or texts on standard input'
        raise _unusable("no text to predict", fix)
    return lines


def _unusable(problem: str, fix: str) -> ConfigError:
    return ConfigError("CFG-USAGE", problem, at="command line", fix=fix)
