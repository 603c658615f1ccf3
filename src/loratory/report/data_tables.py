"""The tables of the data: how many rows, what was cut, and what an audit finds of them."""

from collections.abc import Callable, Iterator, Mapping

from loratory.data.audit import Lengths, QuestionAudit, SplitAudit
from loratory.report.formats import NOTHING, count, percent
from loratory.report.record import ASIDE, DataAudit, RunRecord, TokenLengths
from loratory.report.tables import Cell, Table, extra_texts

_ASIDE = "kept aside of the training rows, to choose it"
_MOST_CLASSES = 20

Line = tuple[str, Callable[[SplitAudit], Cell]]


def data_table(record: RunRecord) -> Table:
    """Return how many rows each split has, what was cut, and how long their tokens are."""
    result = record.result
    started = next(iter(record.events_of("start")), {})
    amounts = result.rows or started.get("rows") or {}
    in_pieces = record.reads != "labelled" and any(
        result.windows.get(split) not in (None, rows) for split, rows in amounts.items()
    )
    columns: list[tuple[str, Callable[[str], Cell]]] = [
        ("", lambda split: Cell(split, _ASIDE if split == ASIDE else "")),
        ("rows", lambda split: Cell(count(amounts[split]), extra_texts(record, split))),
    ]
    if in_pieces:
        columns.append(("pieces", lambda split: _amount(result.windows, split)))
    columns.append(("truncated rows", lambda split: _amount(result.truncated, split)))
    if result.cut:
        columns.append(("cut answers", lambda split: _amount(result.cut, split)))
    unit = "piece" if in_pieces else "row"
    columns.append((f"median tokens of a {unit}", lambda split: _length(record, split)))
    return Table(
        caption="",
        columns=tuple(name for name, _ in columns),
        rows=tuple(tuple(cell(split) for _, cell in columns) for split in amounts),
    )


def audit_table(audit: DataAudit, whose: str = "") -> Table:
    """Return what stands in the rows more than once, their classes or answers, and their lengths.

    `whose` rows they are stands before it.
    """
    splits = audit.splits
    lines = [line for found in [*splits.values()][:1] for line in _lines(found)]
    rows = [(Cell(name), *(cell(found) for found in splits.values())) for name, cell in lines]
    contradictions = f"rows that contradict an earlier one: {count(audit.conflicts)}"
    return Table(
        caption=f"{whose}; {contradictions}" if whose else contradictions.capitalize(),
        columns=("", *splits),
        rows=(*rows[:2], *_shared(audit), *rows[2:]),
    )


def _lines(found: SplitAudit) -> Iterator[Line]:
    """Yield what is told of each split, for the kind of rows that this one has."""
    yield "rows that repeat an earlier one", lambda split: _part(split.duplicates, split.rows)
    yield "malformed rows left out", lambda split: Cell(count(split.skipped))
    if len(found.classes) <= _MOST_CLASSES:
        yield from (_class(name) for name in found.classes)
    if found.questions is None:
        yield "characters of a text", lambda split: _middle(split.characters)
        return
    yield "answerable", _of_questions(lambda asked: count(asked.answerable))
    yield "unanswerable", _of_questions(lambda asked: count(asked.unanswerable))
    yield "contexts", _of_questions(lambda asked: count(asked.contexts))
    yield "contexts of training questions, too", _of_questions(lambda q: count(q.known_contexts))
    yield "characters of a context", lambda split: _middle(split.characters)


def _class(name: str) -> Line:
    return name, lambda split: _part(split.classes.get(name, 0), split.rows)


def _of_questions(shown: Callable[[QuestionAudit], str]) -> Callable[[SplitAudit], Cell]:
    return lambda split: Cell(shown(split.questions) if split.questions else NOTHING)


def _shared(audit: DataAudit) -> Iterator[tuple[Cell, ...]]:
    """Yield, for each split but the last, how many of its texts the later ones have."""
    for earlier in [*audit.splits][:-1]:
        found = (audit.shared.get(f"{earlier}, {split}") for split in audit.splits)
        amounts = (Cell(NOTHING if amount is None else count(amount)) for amount in found)
        yield Cell(f"texts that {earlier} has, too"), *amounts


def _part(amount: int, rows: int) -> Cell:
    return Cell(count(amount), percent(amount / rows) if rows else "")


def _amount(amounts: Mapping[str, int], split: str) -> Cell:
    return Cell(count(amounts[split]) if split in amounts else NOTHING)


def _length(record: RunRecord, split: str) -> Cell:
    return _middle(record.result.token_lengths.get(split))


def _middle(lengths: TokenLengths | Lengths | None) -> Cell:
    return Cell(count(lengths.median), _spread(lengths)) if lengths else Cell(NOTHING)


def _spread(lengths: TokenLengths | Lengths) -> str:
    most = percent(0.95, decimals=0)
    return f"{count(lengths.min)} to {count(lengths.max)}, {most} up to {count(lengths.p95)}"
