"""Parquet: typed columns, read with pyarrow. Rows count from 1."""

from collections.abc import Sequence
from typing import Any

from loratory.data.records import Record, Records, missing_column
from loratory.errors import DataError


def parquet_records(
    content: bytes, name: str, columns: Sequence[str], *, optional: Sequence[str] = ()
) -> Records:
    """Return the records of a Parquet file; only the columns asked for are read.

    Those of `optional` that the file lacks are None.

    Raises:
        DataError: the bytes are not a whole Parquet file (DATA-FILE), or a column is missing or
            named twice (DATA-COL).
    """
    # Inside, because pyarrow takes longer to load than a recipe takes to be refused.
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        found = file.schema_arrow.names
        there = [*columns, *(column for column in optional if column in found)]
        _check_columns(found, there, name)
        table = file.read(columns=there)
        absent = [None] * table.num_rows
        values = [
            _values(table.column(column)) if column in there else absent
            for column in (*columns, *optional)
        ]
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            "DATA-FILE",
            f"this is not a whole Parquet file ({error})",
            at=name,
            fix="write the file again, or check its name's ending",
        ) from None
    places = [f"{name}:{number}" for number in range(1, table.num_rows + 1)]
    return [_record(place, row) for place, *row in zip(places, *values, strict=True)]


def _check_columns(found: list[str], columns: Sequence[str], name: str) -> None:
    for column in columns:
        if column not in found:
            raise missing_column(column, found, name)
        if found.count(column) > 1:
            raise DataError(
                "DATA-COL",
                f"column {column!r} is named twice",
                at=name,
                fix="rename one of the two",
            )


def _values(column: Any) -> list[object]:
    """Return the values of a column; texts as bytes, because nothing has checked their encoding."""
    import pyarrow

    kind = column.type.value_type if pyarrow.types.is_dictionary(column.type) else column.type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        column = column.cast(kind).cast(pyarrow.large_binary())
    values: list[object] = column.to_pylist()
    return values


def _record(place: str, row: list[object]) -> Record | DataError:
    try:
        return Record(place, tuple(v.decode() if isinstance(v, bytes) else v for v in row))
    except UnicodeDecodeError as error:
        return DataError(
            "DATA-ENC",
            f"byte {error.start + 1} of a text is not UTF-8",
            at=place,
            expected="UTF-8",
            fix="write the file again from texts that are UTF-8",
        )
