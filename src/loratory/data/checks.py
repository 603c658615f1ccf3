"""What an audit must not show, and what a run should be told about its rows."""

from loratory.data.audit import Audit, Repeat
from loratory.data.rows import Dataset
from loratory.errors import DataError

_PUBLISHED_REPEATS = 0.02
"""Share of a published set's scored rows that its authors may have left in the training rows."""


def refuse_one_class(dataset: Dataset) -> None:
    """Refuse training rows that are all of one class (DATA-CLASS)."""
    rows = dataset.splits.get("train")
    if rows is None or len({row.label for row in rows}) > 1:
        return
    raise DataError(
        "DATA-CLASS",
        f"all {len(rows)} training rows have the label {dataset.labels[rows[0].label]!r}",
        at=rows[0].place,
        expected="rows of at least two classes",
        fix="add rows of another class, check the label column, or raise data.limit.train",
    )


def refuse_conflicts(audit: Audit, labels: tuple[str, ...]) -> None:
    """Refuse texts that carry different labels (DATA-CONFLICT)."""
    if audit.conflicts:
        first = audit.conflicts[0]
        raise DataError(
            "DATA-CONFLICT",
            f"{_conflicts(audit)}; the first of them contradicts {first.earlier.place} "
            f"({labels[first.earlier.label]!r})",
            at=first.row.place,
            got=labels[first.row.label],
            fix="correct one of the two labels, or set data.conflicts=warn",
        )


def refuse_leaks(audit: Audit, *, published: bool) -> None:
    """Refuse scored rows that are also training rows (DATA-LEAK).

    Published sets are scored as they are, so that scores can be compared: up to 2 % of such rows
    are their authors' own (CoLA's development set has 1.1 %) and only warned of.
    """
    for split, leaks in audit.leaks.items():
        allowed = _PUBLISHED_REPEATS * audit.splits[split].rows if published else 0
        if len(leaks) > allowed:
            raise DataError(
                "DATA-LEAK",
                f"{_leaks(audit, split)}; the first of them is {leaks[0].earlier.place}",
                at=leaks[0].row.place,
                fix="take those rows out of one of the two, or set data.leaks=warn",
            )


def warnings(audit: Audit) -> list[str]:
    """Return what is no error, but worth knowing when a score is read."""
    found = []
    for split, numbers in audit.splits.items():
        if numbers.duplicates:
            found.append(
                f"{numbers.duplicates} of {numbers.rows} {split} rows repeat an earlier row's text"
            )
    if audit.conflicts:
        found.append(f"{_conflicts(audit)} (first: {_pair(audit.conflicts[0])})")
    for split, leaks in audit.leaks.items():
        if leaks:
            found.append(f"{_leaks(audit, split)} (first: {_pair(leaks[0])})")
    if "train" in audit.splits:
        absent = [name for name, rows in audit.splits["train"].classes.items() if not rows]
        found += [f"class {name!r} has no training row" for name in absent]
    return found


def _conflicts(audit: Audit) -> str:
    number = len(audit.conflicts)
    return f"rows that carry another label than an earlier row of the same text: {number}"


def _leaks(audit: Audit, split: str) -> str:
    return (
        f"{len(audit.leaks[split])} of {audit.splits[split].rows} {split} rows are also in the "
        "training rows"
    )


def _pair(repeat: Repeat) -> str:
    return f"{repeat.row.place} and {repeat.earlier.place}"
