"""What an audit must not show, and what a run should be told about its rows."""

from collections.abc import Sequence

from loratory.data.audit import Audit, Repeat
from loratory.data.rows import Dataset, PairRow, ProblemRow, QuestionRow
from loratory.data.traits import ANSWERS, said_of
from loratory.errors import DataError

_PUBLISHED_REPEATS = 0.02
"""Share of a published set's scored rows that its authors may have left in the training rows."""


def refuse_one_class(dataset: Dataset) -> None:
    """Refuse training rows that are all of one class (DATA-CLASS)."""
    rows = dataset.splits.get("train")
    if not dataset.labels or rows is None or len({row.label for row in rows}) > 1:
        return
    raise DataError(
        "DATA-CLASS",
        f"all {len(rows)} training rows have the label {dataset.labels[rows[0].label]!r}",
        at=rows[0].place,
        expected="rows of at least two classes",
        fix="add rows of another class, check the label column, or raise data.limit.train",
    )


def refuse_unanswerable(rows: Sequence[QuestionRow]) -> None:
    """Refuse questions without an answer, where every question must have one (DATA-VERSION)."""
    without = [row for row in rows if not row.answers]
    if without:
        raise DataError(
            "DATA-VERSION",
            f"{len(without):,} of {len(rows):,} questions have no answer, and the rules of SQuAD "
            "v1.1 have none for those",
            at=without[0].place,
            fix="set task.unanswerable=true for task span_qa (the set with such questions is "
            "data.name=squad_v2), or take them out",
        )


def refuse_without_steps(rows: Sequence[ProblemRow]) -> None:
    """Refuse problems without a solution, where its steps are needed (DATA-COL)."""
    without = [row for row in rows if not row.solution]
    if without:
        raise DataError(
            "DATA-COL",
            f"{len(without):,} of {len(rows):,} training problems have no steps to their answer",
            at=without[0].place,
            expected="a text in the column solution",
            fix="add the steps, or set task.writes=answer to do without",
        )


def refuse_conflicts(audit: Audit, labels: tuple[str, ...]) -> None:
    """Refuse texts that carry different labels, and questions answerable once (DATA-CONFLICT)."""
    if audit.conflicts:
        first = audit.conflicts[0]
        raise DataError(
            "DATA-CONFLICT",
            f"{_conflicts(audit)}; the first of them contradicts {first.earlier.place} "
            f"({said_of(first.earlier, labels)!r})",
            at=first.row.place,
            got=said_of(first.row, labels),
            fix="correct one of the two, or set data.conflicts=warn",
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
        what = "text" if numbers.questions is None else "question about the same context"
        if numbers.duplicates:
            repeated = f"{numbers.duplicates} of {numbers.rows} {split} rows"
            found.append(f"{repeated} repeat an earlier row's {what}")
    if audit.conflicts:
        found.append(f"{_conflicts(audit)} (first: {_pair(audit.conflicts[0])})")
    for split, leaks in audit.leaks.items():
        if leaks:
            found.append(f"{_leaks(audit, split)} (first: {_pair(leaks[0])})")
    if "train" in audit.splits:
        absent = [name for name, rows in audit.splits["train"].classes.items() if not rows]
        found += [f"class {name!r} has no training row" for name in absent]
    return found + _question_warnings(audit)


def _question_warnings(audit: Audit) -> list[str]:
    """Return what is worth knowing of questions alone."""
    found = []
    asked = {split: n.questions for split, n in audit.splits.items() if n.questions is not None}
    for split, numbers in asked.items():
        if numbers.known_contexts:
            found.append(
                f"{numbers.known_contexts} of {numbers.contexts} {split} contexts have training "
                "questions too"
            )
    if train := asked.pop("train", None):
        for kind in ANSWERS:
            scored = sum(getattr(numbers, kind) for numbers in asked.values())
            if scored and not getattr(train, kind):
                found.append(f"no training question is {kind}, and {scored} others are")
    return found


def _conflicts(audit: Audit) -> str:
    number = len(audit.conflicts)
    if any(split.questions for split in audit.splits.values()):
        return f"questions answerable here and unanswerable there: {number}"
    if isinstance(audit.conflicts[0].row, PairRow):
        return f"pairs that an earlier row has the other way round: {number}"
    return f"rows that carry another label than an earlier row of the same text: {number}"


def _leaks(audit: Audit, split: str) -> str:
    return (
        f"{len(audit.leaks[split])} of {audit.splits[split].rows} {split} rows are also in the "
        "training rows"
    )


def _pair(repeat: Repeat) -> str:
    return f"{repeat.row.place} and {repeat.earlier.place}"
