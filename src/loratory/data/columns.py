"""Which column of a file holds the texts and which the classes, where nobody has said."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from loratory.data.files import file_content
from loratory.data.readers import read_table
from loratory.data.records import Record
from loratory.errors import DataError
from loratory.runs.json_files import parse_json

_TWO = 2
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_MOST_CLASSES = 0.2  # distinct values as a share of the rows, up to which a column may hold classes
_LEAST_TEXTS = 0.5  # the same, from which a column may hold texts


def text_and_label(path: Path, text: str | None, label: str | None) -> tuple[str, str]:
    """Return the names of the two columns; what is not named is guessed where there is no doubt.

    There is none in a file of two columns of which one repeats itself and the other does not.

    Raises:
        DataError: DATA-COL, when it cannot be told; DATA-FILE, when the file cannot be read; what
            is wrong with the first row, when every row is malformed.
    """
    if text is not None and label is not None:
        return text, label
    names = _names(path)
    rest = [name for name in names if name not in (text, label)]
    if len(names) == len({*names}) == _TWO:
        if text is not None and len(rest) == 1:
            return text, rest[0]
        if label is not None and len(rest) == 1:
            return rest[0], label
        if text is None and label is None:
            shares = _distinct(path, names)
            few, many = sorted(names, key=lambda name: shares[name])
            if shares[few] <= _MOST_CLASSES and shares[many] >= _LEAST_TEXTS:
                return many, few
    raise DataError(
        "DATA-COL",
        "which column holds the texts and which the classes cannot be told",
        at=str(path),
        got=f"a file with the columns {', '.join(names)}"
        if names
        else "a first line that names no columns",
        fix="name them with --text COLUMN --label COLUMN",
    )


def _names(path: Path) -> list[str]:
    """Return the names of the file's columns, none where its format has no simple first line."""
    ending = path.suffix.lower()
    lines = file_content(path).decode("utf-8-sig", "replace").splitlines()
    if not lines or ending not in (*_SEPARATORS, ".jsonl"):
        return []
    try:
        if ending == ".jsonl":
            first = parse_json(lines[0])
            return [*first] if isinstance(first, dict) else []
        return next(csv.reader(io.StringIO(lines[0]), delimiter=_SEPARATORS[ending]), [])
    except (ValueError, RecursionError, csv.Error):
        return []


def _distinct(path: Path, names: Sequence[str]) -> dict[str, float]:
    """Return how many different values each column has, as a share of the rows.

    Raises:
        DataError: the first row's, where every row is malformed.
    """
    read = read_table(path, names).records
    records = [record for record in read if isinstance(record, Record)]
    if not records:
        raise next(fault for fault in read if isinstance(fault, DataError))
    columns = zip(*(map(str, record.values) for record in records), strict=True)
    return {
        name: len({*column}) / len(records) for name, column in zip(names, columns, strict=True)
    }
