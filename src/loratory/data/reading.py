"""What it takes to make rows of one kind: the records of each split, and what reads a record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loratory.data.readers import Table
from loratory.data.records import Record
from loratory.data.rows import AnyRow
from loratory.recipe.schema import DataSection

RowOf = Callable[[Record, str], AnyRow]
"""From a record and its SPLIT/number to a row; a DataError says why it is none."""


@dataclass(frozen=True)
class Reading:
    """The records of each split, and how they are read."""

    tables: Mapping[str, Table]
    row_of: Mapping[str, RowOf]
    labels: tuple[str, ...] = ()


class Reader(Protocol):
    """One kind of rows, as a recipe's data section describes them."""

    def section(self) -> Reading:
        """Return the records of the section's named set, or of its files."""

    def file(self, path: Path) -> Reading:
        """Return the records of one more file, as the only split `file`."""


def own_files(section: DataSection) -> dict[str, Path]:
    """Return the file of each split that the section names."""
    files = {"train": section.train, "validation": section.validation, "test": section.test}
    return {split: Path(file) for split, file in files.items() if file is not None}
