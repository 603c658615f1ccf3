"""A data set as a run uses it: read, checked, held out, limited, audited.

    files, hub or wheel ─► records ─► rows ─► holdout ─► refusals ─► limits ─► warnings

Refusals look at all rows, so that a smaller limit does not hide a fault of the files; warnings at
the rows that are used.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from loratory.data.audit import audit
from loratory.data.bad_rows import BadRows
from loratory.data.checked import checked_rows
from loratory.data.checks import refuse_conflicts, refuse_leaks, refuse_one_class, warnings
from loratory.data.labels import LabelColumn, LabelOf, inferred_labels
from loratory.data.named import NAMED_SETS, named_tables
from loratory.data.readers import Table, read_table
from loratory.data.records import Record
from loratory.data.rows import Dataset, Row, Source
from loratory.data.splits import limited, with_holdout
from loratory.errors import DataError
from loratory.recipe.schema import DataSection


def load_dataset(section: DataSection, labels: tuple[str, ...] | None = None) -> Dataset:
    """Return the rows that a recipe's data section describes, split by split.

    `labels` are the class names in the order of their numbers; None means those of the named set,
    or those found in the training rows.

    Raises:
        DataError: a file, a row, or the rows together cannot be used; the code says which.
        ResourceError: a named set cannot be fetched (RES-NETWORK, RES-DISK).
        SecurityError: what was fetched is not what is known (SEC-DIGEST).
    """
    if section.name is not None:
        known = NAMED_SETS[section.name]
        names = labels or known.labels
        tables = named_tables(section.name, section.dir)
        readings = {split: known.label_of(table, names) for split, table in tables.items()}
    else:
        tables = _own_tables(section)
        names = labels or _found_labels(tables["train"])
        readings = {
            split: LabelColumn(names, digits=table.digits) for split, table in tables.items()
        }
    whole = _held_out(_checked(tables, readings, names, most_bad=section.max_bad_rows), section)
    return _used(whole, section)


def load_file(path: str, section: DataSection, labels: tuple[str, ...]) -> Dataset:
    """Return the rows of one more labelled file, as a data set whose only split is `file`.

    Its columns are named as in `section`.

    Raises:
        DataError: the file or a row of it cannot be used.
    """
    tables = {"file": read_table(Path(path), (section.text, section.label))}
    readings = {"file": LabelColumn(labels, digits=tables["file"].digits)}
    return _checked(tables, readings, labels, most_bad=section.max_bad_rows)


def _own_tables(section: DataSection) -> dict[str, Table]:
    files = {"train": section.train, "validation": section.validation, "test": section.test}
    columns = (section.text, section.label)
    return {
        split: read_table(Path(file), columns) for split, file in files.items() if file is not None
    }


def _found_labels(table: Table) -> tuple[str, ...]:
    return inferred_labels(
        record.values[1] for record in table.records if isinstance(record, Record)
    )


def _checked(
    tables: Mapping[str, Table],
    readings: Mapping[str, LabelOf],
    labels: tuple[str, ...],
    *,
    most_bad: int,
) -> Dataset:
    """Return every well-formed row, as long as the others are few enough."""
    bad = BadRows(most_bad)
    splits: dict[str, tuple[Row, ...]] = {}
    sources: dict[str, Source] = {}
    notes: list[str] = []
    for split, table in tables.items():
        rows, faults = checked_rows(table, split, label_of=readings[split])
        bad.leave_out(faults)
        if not rows:
            raise DataError(
                "DATA-EMPTY",
                "the file has 0 rows that can be used",
                at=table.description,
                fix="correct its rows",
            )
        splits[split] = rows
        sources[split] = Source(table.description, table.digest, len(table.records), len(faults))
        notes += table.notes
        if faults:
            first = f"first: {faults[0].at}, {faults[0].problem}"
            notes.append(f"malformed {split} rows left out: {len(faults)} ({first})")
    return Dataset(labels, splits, sources, tuple(notes))


def _held_out(dataset: Dataset, section: DataSection) -> Dataset:
    splits = with_holdout(dataset.splits, section.holdout)
    sources = dict(dataset.sources)
    for split, rows in splits.items():
        if split not in sources:
            train = sources["train"]
            sources[split] = Source(
                f"held out of {train.description}", train.digest, len(rows), skipped=0
            )
    return replace(dataset, splits=splits, sources=sources)


def _used(whole: Dataset, section: DataSection) -> Dataset:
    """Return the limited rows with their warnings; refuse what the section refuses."""
    findings = audit(whole)
    if section.conflicts == "refuse":
        refuse_conflicts(findings, whole.labels)
    if section.leaks == "refuse":
        refuse_leaks(findings, published=section.name is not None)
    used = replace(whole, splits=limited(whole.splits, section.limit))
    refuse_one_class(used)
    if used.splits != whole.splits:
        findings = audit(used)
    return replace(used, warnings=(*whole.warnings, *warnings(findings)))
