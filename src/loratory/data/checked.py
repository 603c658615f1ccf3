"""From records to rows: which records are rows, and which are malformed."""

from loratory.data.readers import Table
from loratory.data.reading import RowOf
from loratory.data.rows import AnyRow
from loratory.errors import DataError


def checked_rows(
    table: Table, split: str, row_of: RowOf
) -> tuple[tuple[AnyRow, ...], list[DataError]]:
    """Return the rows of a table, and what is wrong with its other records."""
    rows: list[AnyRow] = []
    faults: list[DataError] = []
    for number, record in enumerate(table.records):
        if isinstance(record, DataError):
            faults.append(record)
            continue
        try:
            rows.append(row_of(record, f"{split}/{number}"))
        except DataError as fault:
            faults.append(fault)
    return tuple(rows), faults
