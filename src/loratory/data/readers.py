"""One way to read a file of rows, whatever its format."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from loratory.data.delimited import csv_records, tsv_records
from loratory.data.files import file_content
from loratory.data.jsonl import jsonl_records
from loratory.data.parquet import parquet_records
from loratory.data.records import Records
from loratory.errors import DataError


@dataclass(frozen=True)
class Table:
    """The records of one source, and what identifies it."""

    records: Records
    description: str
    digest: str
    digits: bool = False
    """Every value is text, so that a whole number is a string of digits."""

    notes: tuple[str, ...] = ()
    """What was changed in the records."""


def read_table(path: Path, columns: Sequence[str], *, header: Sequence[str] | None = None) -> Table:
    """Return the records of a .csv, .tsv, .jsonl or .parquet file, with the columns asked for.

    A malformed record is returned as the error it is. `header` names the columns of a .tsv file
    whose first line does not.

    Raises:
        DataError: the file as a whole cannot be read: it is missing, of another format
            (DATA-FILE), of another encoding (DATA-ENC), empty (DATA-EMPTY), or lacks a column
            (DATA-COL).
    """
    content, name = file_content(path), path.name
    kind = path.suffix.lower()
    match kind:
        case ".csv":
            records = csv_records(content, name, columns)
        case ".tsv":
            records = tsv_records(content, name, columns, header=header)
        case ".jsonl":
            records = jsonl_records(content, name, columns)
        case ".parquet":
            records = parquet_records(content, name, columns)
        case _:
            raise DataError(
                "DATA-FILE",
                "the format is not known",
                at=str(path),
                got=kind or "a name without an ending",
                expected=".csv, .tsv, .jsonl or .parquet",
                fix="convert the file, or rename it to say what it is",
            )
    if not records:
        raise DataError("DATA-EMPTY", "the file has 0 rows", at=str(path), fix="add rows to it")
    return Table(
        records,
        description=str(path),
        digest=sha256(content).hexdigest(),
        digits=kind in {".csv", ".tsv"},
    )
