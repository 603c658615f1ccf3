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


ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
"""Of the files that `read_table` reads."""


def read_table(
    path: Path,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    header: Sequence[str] | None = None,
) -> Table:
    """Return the records of a .csv, .tsv, .jsonl or .parquet file, with the columns asked for.

    A malformed record is returned as the error it is. What a file lacks of the `optional` columns,
    which come last, is None. `header` names the columns of a .tsv file whose first line does not.

    Raises:
        DataError: the file as a whole cannot be read: it is missing, of another format
            (DATA-FILE), of another encoding (DATA-ENC), empty (DATA-EMPTY), or lacks a column
            (DATA-COL).
    """
    content, name = file_content(path), path.name
    kind = path.suffix.lower()
    match kind:
        case ".csv":
            records = csv_records(content, name, columns, optional=optional)
        case ".tsv":
            records = tsv_records(content, name, columns, optional=optional, header=header)
        case ".jsonl":
            records = jsonl_records(content, name, columns, optional=optional)
        case ".parquet":
            records = parquet_records(content, name, columns, optional=optional)
        case _:
            raise unknown_format(path, ENDINGS)
    return file_table(path, content, records, digits=kind in {".csv", ".tsv"})


def file_table(path: Path, content: bytes, records: Records, *, digits: bool = False) -> Table:
    """Return the records of a file as a table.

    Raises:
        DataError: there are none (DATA-EMPTY).
    """
    if not records:
        raise DataError("DATA-EMPTY", "the file has 0 rows", at=str(path), fix="add rows to it")
    return Table(records, str(path), sha256(content).hexdigest(), digits=digits)


def unknown_format(path: Path, endings: Sequence[str]) -> DataError:
    """Return the error for a file whose name does not end in one of `endings`."""
    return DataError(
        "DATA-FILE",
        "the format is not known" if len(endings) > 1 else "the format is not one for these rows",
        at=str(path),
        got=path.suffix.lower() or "a name without an ending",
        expected=" or ".join(filter(None, [", ".join(endings[:-1]), endings[-1]])),
        fix="convert the file, or rename it to say what it is",
    )
