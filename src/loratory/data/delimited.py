"""CSV and TSV: one record per line, and quotes in CSV alone.

CSV follows RFC 4180: a field that holds a comma, a quote or a line end is in double quotes, quotes
inside it are doubled. TSV is read with quoting off, because a quote at the start of a sentence is
a quote: every line is a record and every tab ends a field.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from loratory.data.lines import MOST_BYTES, read_lines
from loratory.data.records import Record, Records, missing_column
from loratory.errors import DataError

_Fields = tuple[int, list[str] | DataError]
"""Number of a record's first line, and its fields or what is wrong with it."""


class _Columns(NamedTuple):
    """Names of the columns asked for: those a file must have, and those it may have."""

    needed: Sequence[str]
    optional: Sequence[str]


def csv_records(
    content: bytes, name: str, columns: Sequence[str], *, optional: Sequence[str] = ()
) -> Records:
    """Return the records of a CSV file whose first line names its columns.

    The columns asked for come first; those of `optional` that the file lacks are None.

    Raises:
        DataError: the columns are not those asked for, are named twice or not at all (DATA-COL);
            a quote is opened and not closed where a row ends (DATA-COL).
    """
    return _records(_csv_fields(content, name), name, _Columns(columns, optional))


def tsv_records(
    content: bytes,
    name: str,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    header: Sequence[str] | None = None,
) -> Records:
    """Return the records of a TSV file; `header` names its columns where its first line does not.

    Raises:
        DataError: as for `csv_records`, quotes aside (DATA-COL).
    """
    asked = _Columns(columns, optional)
    return _records(_tsv_fields(content, name), name, asked, header=header)


def _csv_fields(content: bytes, name: str) -> Iterator[_Fields]:
    faults: dict[int, DataError] = {}

    def lines() -> Iterator[str]:
        for line in read_lines(content, name):
            if line.fault:
                faults[line.number] = line.fault
            yield line.text + line.end

    csv.field_size_limit(max(csv.field_size_limit(), MOST_BYTES))
    reader = csv.reader(lines(), strict=True)
    while True:
        first = reader.line_num + 1
        try:
            fields: list[str] | DataError = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fields = _misquoted(error, f"{name}:{first}", lines=reader.line_num - first + 1)
        fault = next((faults[n] for n in range(first, reader.line_num + 1) if n in faults), None)
        yield first, fault or fields


def _misquoted(error: csv.Error, place: str, *, lines: int) -> DataError:
    """Return the fault of a record whose quotes do not pair; raise it where it ate other lines."""
    unclosed = "unexpected end" in str(error) or lines > 1
    problem = (
        f"a quote is opened here and not closed before the row ends ({lines} lines read)"
        if unclosed
        else f"quotes do not enclose a whole field ({error})"
    )
    fault = DataError(
        "DATA-COL",
        problem,
        at=place,
        fix='put the whole field in double quotes and double those inside it: "she said ""no"""',
    )
    if lines > 1:
        # How many rows were lost cannot be told, so no budget of bad rows covers it.
        raise fault
    return fault


def _tsv_fields(content: bytes, name: str) -> Iterator[_Fields]:
    for line in read_lines(content, name):
        yield line.number, line.fault or (line.text.split("\t") if line.text else [])


def _records(
    rows: Iterator[_Fields],
    name: str,
    asked: _Columns,
    *,
    header: Sequence[str] | None = None,
) -> Records:
    if header is None:
        number, first = next(rows, (0, None))
        if first is None:
            return []
        if isinstance(first, DataError):
            raise first
        _check_header(first, asked.needed, f"{name}:{number}")
        header = first
    places = [
        header.index(column) if column in header else None
        for column in (*asked.needed, *asked.optional)
    ]
    return [_record(fields, header, places, f"{name}:{number}") for number, fields in rows]


def _check_header(header: list[str], columns: Sequence[str], place: str) -> None:
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise DataError(
            "DATA-COL", f"column {twice[0]!r} is named twice", at=place, fix="rename one of the two"
        )
    for column in columns:
        if column not in header:
            raise missing_column(column, header, place)
    if not all(column.strip() for column in header):
        raise DataError(
            "DATA-COL",
            f"column {[bool(column.strip()) for column in header].index(False) + 1} has no name",
            at=place,
            fix="name every column (an index that pandas wrote: use to_csv(index=False))",
        )


def _record(
    fields: list[str] | DataError, header: Sequence[str], places: list[int | None], place: str
) -> Record | DataError:
    if isinstance(fields, DataError):
        return fields
    if not fields:
        return DataError("DATA-COL", "the line is blank", at=place, fix="remove the line")
    if len(fields) != len(header):
        more = len(fields) > len(header)
        return DataError(
            "DATA-COL",
            f"the line has {len(fields)} field{'s'[: len(fields) > 1]}",
            at=place,
            expected=f"{len(header)}",
            fix="take the separator out of the text, or quote the text (CSV alone)"
            if more
            else "add what is missing, or remove the line",
        )
    if fields == list(header):
        return DataError(
            "DATA-COL", "the column names are repeated", at=place, fix="remove the line"
        )
    return Record(place, tuple(None if index is None else fields[index] for index in places))
