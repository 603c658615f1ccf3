"""Rows, and the data set they make."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from loratory.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """One text and its class."""

    id: str
    """SPLIT/number of the row in its source, from 0; unique within its split."""

    text: str
    label: int
    """Index into the data set's labels."""

    place: str
    """File and line, for messages; the rows of Parquet files and of the hub count from 1."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a split came from."""

    description: str
    digest: str
    """sha256 of the file's bytes; of the rows where they came from the hub."""

    rows: int
    """Rows read, the malformed ones included."""

    skipped: int
    """Malformed rows that were left out."""


@dataclass(frozen=True)
class Dataset:
    """The rows a run uses, split by split, after holdout and limits."""

    labels: tuple[str, ...]
    splits: dict[str, tuple[Row, ...]]
    sources: dict[str, Source]
    warnings: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> dict[str, str]:
        """sha256 of each split's texts and label indices, in order."""
        return {split: _rows_digest(rows) for split, rows in self.splits.items()}

    def rows(self, split: str) -> tuple[Row, ...]:
        """Return the rows of `split`.

        Raises:
            DataError: the data set has no such split (DATA-SPLIT).
        """
        if split not in self.splits:
            raise missing_split(split, self.splits)
        return self.splits[split]


def missing_split(split: str, there_are: Iterable[str], *, at: str | None = None) -> DataError:
    """Return the error for a split that the data does not have."""
    return DataError(
        "DATA-SPLIT",
        f"the data has no {split} split; there are: {', '.join(there_are) or 'none'}",
        at=at,
        fix=f"use one of those, add the {split} file, or hold rows out of the training rows with "
        "data.holdout",
    )


def _rows_digest(rows: Iterable[Row]) -> str:
    digest = sha256()
    for row in rows:
        digest.update(json.dumps([row.text, row.label]).encode() + b"\n")
    return digest.hexdigest()
