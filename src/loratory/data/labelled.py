"""Texts with a class: of a named set, or of files with a text and a label column."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loratory.data.labels import LabelColumn, LabelOf, inferred_labels
from loratory.data.named import NAMED_SETS, named_tables
from loratory.data.readers import Table, read_table
from loratory.data.reading import Reading, RowOf, own_files
from loratory.data.records import Record
from loratory.data.rows import Row
from loratory.data.texts import checked_text
from loratory.recipe.schema import DataSection


@dataclass(frozen=True)
class LabelledReader:
    """Reads texts with a class; without `labels` the set's own, or those of the training rows."""

    given: DataSection
    labels: tuple[str, ...] | None

    def section(self) -> Reading:
        """Return the records of the section's named set, or of its files."""
        if self.given.name is not None:
            known = NAMED_SETS[self.given.name]
            names = self.labels or known.labels
            tables = named_tables(self.given.name, self.given.dir)
            return _reading(tables, {s: known.label_of(t, names) for s, t in tables.items()}, names)
        tables = {split: self._table(path) for split, path in own_files(self.given).items()}
        return _own(tables, self.labels or _found_labels(tables["train"]))

    def file(self, path: Path) -> Reading:
        """Return the records of one more file, as the only split `file`."""
        return _own({"file": self._table(path)}, self.labels or ())

    def _table(self, path: Path) -> Table:
        return read_table(path, (self.given.text, self.given.label))


def _own(tables: Mapping[str, Table], names: tuple[str, ...]) -> Reading:
    columns = {split: LabelColumn(names, digits=table.digits) for split, table in tables.items()}
    return _reading(tables, columns, names)


def _reading(
    tables: Mapping[str, Table], label_of: Mapping[str, LabelOf], labels: tuple[str, ...]
) -> Reading:
    return Reading(tables, {split: _row_of(label_of[split]) for split in tables}, labels)


def _row_of(label_of: LabelOf) -> RowOf:
    def row_of(record: Record, number: str) -> Row:
        text, label = record.values
        checked = checked_text(text, record.place)
        return Row(number, checked, label_of(label, record.place), record.place)

    return row_of


def _found_labels(table: Table) -> tuple[str, ...]:
    return inferred_labels(
        record.values[1] for record in table.records if isinstance(record, Record)
    )
