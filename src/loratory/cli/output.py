"""What goes where: results to standard output, everything else to standard error.

And texts come in as UTF-8, whatever the locale.
"""

import io
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.table import Table

from loratory.errors import ConfigError, LoratoryError
from loratory.report.formats import bracketed

# Class names, texts and paths are shown as they are, whatever stands in brackets or colons.
_AS_IT_IS: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
# Lines are never broken: what is longer than the screen is often a path, to be copied.
console = Console(stderr=True, soft_wrap=True, **_AS_IT_IS)

Recipe = Annotated[str, typer.Argument(help="A recipe file, or the name of one that comes along.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Settings to change, such as training.epochs=3."),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="float32, bfloat16 or int8 in place of the number format the run was trained in.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def print_json(value: Any) -> None:
    """Print `value` as the one JSON object on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n")
    sys.stdout.flush()


def print_text(line: str) -> None:
    """Print a line of the result on standard output."""
    sys.stdout.write(f"{line}\n")


def print_table(table: Table) -> None:
    """Print a table of the result on standard output."""
    Console(**_AS_IT_IS).print(table)


def print_error(error: LoratoryError, *, as_json: bool) -> None:
    """Print the error's two lines; with `--json` standard output says it too."""
    if as_json:
        print_json({"error": {"code": error.code, "message": error.headline, "fix": error.fix}})
    console.print(error.headline, style="bold red")
    console.print(f"fix: {error.fix}")


def standard_input(asked: str) -> TextIO:
    """Return standard input; a person who types is told what is `asked`."""
    if sys.stdin.isatty():
        console.print(f"{asked}, end with Ctrl-D")
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Bytes that are no UTF-8 come as surrogates, which are refused with the place of the text.
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    return sys.stdin


def out_of_range(flag: str, value: Any, expected: str) -> ConfigError:
    """Return the error of an option whose value is not what is `expected` of it."""
    return ConfigError(
        "CFG-RANGE",
        "the value is out of range",
        at=f"command line: {flag}",
        got=value,
        expected=expected,
        fix=f"set {flag} to {expected}",
    )


def changed_words(changed: int | None) -> str:
    """Return how many predictions changed, to stand behind other words; "" where there are none."""
    return "" if changed is None else f", {changed:,} predictions changed"


def with_interval(value: float | None, interval: Sequence[float | None] | None) -> str:
    """Return a metric as `0.862 [0.841, 0.883]`, a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.3f}" if interval is None else f"{value:.3f} {bracketed(interval)}"
