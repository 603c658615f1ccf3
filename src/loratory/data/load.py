"""A data set as a run uses it: read, checked, held out, limited, audited.

    files, hub or wheel ─► records ─► rows ─► holdout ─► refusals ─► limits ─► warnings

The kinds of rows differ in how records are read; what comes after asks `loratory.data.traits`.

Refusals look at all rows, so that a smaller limit does not hide a fault of the files; warnings at
the rows that are used.
"""

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import assert_never

from loratory.data.audit import audit
from loratory.data.bad_rows import BadRows
from loratory.data.checked import checked_rows
from loratory.data.checks import (
    refuse_conflicts,
    refuse_leaks,
    refuse_one_class,
    refuse_unanswerable,
    warnings,
)
from loratory.data.labelled import LabelledReader
from loratory.data.named_questions import QuestionReader
from loratory.data.pair_warnings import pair_warnings
from loratory.data.pairs import PairReader
from loratory.data.plain import TextReader
from loratory.data.problems import ProblemReader
from loratory.data.reading import Reader, Reading
from loratory.data.rows import AnyRow, Dataset, Source
from loratory.data.splits import held_out_of, limited, with_holdout
from loratory.errors import DataError
from loratory.recipe.schema import DataSection, Reads


def load_dataset(
    section: DataSection, reads: Reads, labels: tuple[str, ...] | None = None
) -> Dataset:
    """Return the rows that a recipe's data section describes, split by split.

    `reads` is the kind of rows its task is made of. `labels` are the class names of labelled ones
    in the order of their numbers; None means those of the named set, or those found in the training
    rows.

    Raises:
        DataError: a file, a row, or the rows together cannot be used; the code says which.
        ResourceError: a named set cannot be fetched (RES-NETWORK, RES-DISK).
        SecurityError: what was fetched is not what is known (SEC-DIGEST).
    """
    reading = _reader(section, reads, labels).section()
    whole = _held_out(_checked(reading, most_bad=section.max_bad_rows), section)
    return _used(whole, section)


def load_file(
    path: str, section: DataSection, reads: Reads, labels: tuple[str, ...] | None
) -> Dataset:
    """Return the rows of one more file of the kind, as a data set whose only split is `file`.

    Its columns are named as in `section`.

    Raises:
        DataError: the file or a row of it cannot be used.
    """
    reading = _reader(section, reads, labels).file(Path(path))
    return _checked(reading, most_bad=section.max_bad_rows)


def _reader(section: DataSection, reads: Reads, labels: tuple[str, ...] | None) -> Reader:
    match reads:
        case "labelled":
            return LabelledReader(section, labels)
        case "questions":
            return QuestionReader(section)
        case "texts":
            return TextReader(section)
        case "pairs":
            return PairReader(section)
        case "problems":
            return ProblemReader(section)
        case _:
            assert_never(reads)


def _checked(reading: Reading, *, most_bad: int) -> Dataset:
    """Return every well-formed row, as long as the others are few enough."""
    bad = BadRows(most_bad)
    splits: dict[str, tuple[AnyRow, ...]] = {}
    sources: dict[str, Source] = {}
    notes: list[str] = []
    for split, table in reading.tables.items():
        rows, faults = checked_rows(table, split, reading.row_of[split])
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
    return Dataset(reading.labels, splits, sources, tuple(notes))


def _held_out(dataset: Dataset, section: DataSection) -> Dataset:
    splits = with_holdout(dataset.splits, section.holdout)
    sources = dict(dataset.sources)
    for split, rows in splits.items():
        if split not in sources:
            sources[split] = held_out_of(sources["train"], len(rows))
    return replace(dataset, splits=splits, sources=sources)


def _used(whole: Dataset, section: DataSection) -> Dataset:
    """Return the limited rows with their warnings; refuse what the section refuses."""
    if section.name == "squad":
        for rows in whole.splits.values():
            refuse_unanswerable(rows)
    findings = audit(whole)
    if section.conflicts == "refuse":
        refuse_conflicts(findings, whole.labels)
    if section.leaks == "refuse":
        refuse_leaks(findings, published=section.name is not None)
    held_out = (rows for split, rows in whole.splits.items() if split != "train")
    kept = replace(
        whole,
        splits=limited(whole.splits, section.limit),
        held_out=tuple(chain.from_iterable(held_out)),
    )
    used = replace(
        kept, splits={split: kept.rows(split) for split in section.splits or kept.splits}
    )
    refuse_one_class(used)
    if used.splits != whole.splits:
        findings = audit(used)
    found = (*whole.warnings, *warnings(findings), *pair_warnings(used.splits))
    return replace(used, warnings=found)
