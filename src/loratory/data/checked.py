"""From records to rows: what makes a record a row, and which ones are malformed."""

from loratory.data.labels import LabelOf
from loratory.data.readers import Table
from loratory.data.rows import Row
from loratory.data.texts import checked_text
from loratory.errors import DataError


def checked_rows(
    table: Table, split: str, *, label_of: LabelOf
) -> tuple[tuple[Row, ...], list[DataError]]:
    """Return the rows of a table of texts and labels, and what is wrong with its other records."""
    rows: list[Row] = []
    faults: list[DataError] = []
    for number, record in enumerate(table.records):
        if isinstance(record, DataError):
            faults.append(record)
            continue
        text, label = record.values
        try:
            checked = checked_text(text, record.place)
            rows.append(
                Row(f"{split}/{number}", checked, label_of(label, record.place), record.place)
            )
        except DataError as fault:
            faults.append(fault)
    return tuple(rows), faults
