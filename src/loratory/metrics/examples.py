"""The training rows as a table, `examples.csv`: how each went over the epochs, beside its text.

    id, text, label, epochs, confidence, variability, correctness, loss, region

The most suspicious rows come first. Of a text it holds the beginning, on one line.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from loratory.errors import RunError
from loratory.metrics.dynamics import REGIONS, RowCourse
from loratory.runs.atomic import disk_errors, write_file

_COLUMNS = (
    "id",
    "text",
    "label",
    "epochs",
    "confidence",
    "variability",
    "correctness",
    "loss",
    "region",
)
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Example:
    """A training row, and how it went."""

    text: str
    label: str
    """The right answer; empty where there is none but the text itself."""

    course: RowCourse


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write one line per row.

    Raises:
        ResourceError, RunError: the disk is full or fails.
    """
    table = StringIO(newline="")
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(_COLUMNS)
    for example in examples:
        course = example.course
        numbers = (course.confidence, course.variability, course.correctness, course.loss)
        lines.writerow(
            [
                course.id,
                _beginning(example.text),
                _beginning(example.label),
                course.epochs,
                *("" if number is None else f"{number:.6g}" for number in numbers),
                course.region or "",
            ]
        )
    write_file(path, table.getvalue())


def read_examples(path: Path) -> list[Example]:
    """Return the rows of a table, in the order of its lines.

    Raises:
        RunError: a line is not one that `write_examples` writes (RUN-EXAMPLES); RUN-IO.
    """
    with disk_errors(path), path.open(encoding="utf-8", newline="") as table:
        lines = csv.DictReader(table)
        try:
            return [_example(line) for line in lines]
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise RunError(
                "RUN-EXAMPLES",
                f"the line is not one of a training row ({error})",
                at=f"{path}:{lines.line_num}",
                fix="restore the file from a copy, or remove it: only the map of the rows needs it",
            ) from None


def _example(line: dict[str, str]) -> Example:
    region = next((name for name in REGIONS if name == line["region"]), None)
    course = RowCourse(
        id=line["id"],
        epochs=int(line["epochs"]),
        confidence=float(line["confidence"]),
        variability=float(line["variability"]) if line["variability"] else None,
        correctness=float(line["correctness"]),
        loss=float(line["loss"]),
        region=region,
    )
    return Example(line["text"], line["label"], course)


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}…"
