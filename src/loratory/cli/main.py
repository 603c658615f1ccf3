"""The command `loratory`: its verbs, and what a person sees when something is wrong."""

import os
import sys

import typer

from loratory.cli import (
    compare,
    data,
    evaluate,
    export,
    generate,
    merge,
    models,
    params,
    predict,
    quantize,
    search,
    sweep,
    track,
    train,
)
from loratory.cli.output import print_error
from loratory.errors import LoratoryError

app = typer.Typer(
    name="loratory",
    help="Tune small language models on the machine you have, and learn how good they are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("sweep")(sweep.sweep)
app.command("search")(search.search)
app.command("track")(track.track)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("merge")(merge.merge)
app.command("quantize")(quantize.quantize)
app.command("export")(export.export)
app.command("params")(params.params)
app.command("models")(models.models)
app.add_typer(data.app, name="data")

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; exit with the error's code, without a traceback.

    `LORATORY_DEBUG=1` in the environment lets the traceback through.
    """
    try:
        app()
    except LoratoryError as error:
        if os.environ.get("LORATORY_DEBUG"):
            raise
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain at exit otherwise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
