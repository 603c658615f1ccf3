"""Texts without labels, for prediction."""

from dataclasses import dataclass
from pathlib import Path

from loratory.data.files import file_content
from loratory.data.lines import read_lines
from loratory.data.readers import read_table
from loratory.data.texts import checked_text
from loratory.errors import DataError


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A text and where it stands."""

    text: str
    place: str


def read_texts(path: Path, column: str) -> list[PlacedText]:
    """Return the texts in `column` of a file of rows, or the lines of a .txt file.

    Raises:
        DataError: the file cannot be read, or a text is one that a model cannot read.
    """
    found: list[PlacedText] = []
    if path.suffix.lower() == ".txt":
        for line in read_lines(file_content(path), path.name):
            if line.fault is not None:
                raise line.fault
            found.append(_checked(line.text, f"{path.name}:{line.number}"))
    else:
        for record in read_table(path, (column,)).records:
            if isinstance(record, DataError):
                raise record
            found.append(_checked(record.values[0], record.place))
    if not found:
        raise DataError("DATA-EMPTY", "the file has 0 texts", at=str(path), fix="add texts to it")
    return found


def _checked(value: object, place: str) -> PlacedText:
    return PlacedText(checked_text(value, place), place)
