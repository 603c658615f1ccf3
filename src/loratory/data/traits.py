"""What holdouts, limits and audits ask of a row, answered for each kind of rows."""

from dataclasses import replace
from decimal import Context, Decimal
from functools import lru_cache

from loratory.data.rows import AnyRow, PairRow, ProblemRow, QuestionRow, Row, TextRow, plain
from loratory.data.texts import normalised

_EXACT = Context(prec=1_000)  # digits, more than any answer has
ANSWERS = ("answerable", "unanswerable")


def main_text(row: AnyRow) -> str:
    """Return the text of a row, the context that its question is about, or a pair's prompt."""
    match row:
        case Row() | TextRow():
            return row.text
        case QuestionRow():
            return row.context
        case PairRow():
            return plain(row.prompt)
        case ProblemRow():
            return row.problem


def same_as(row: AnyRow) -> str:
    """Return what two rows share that count as the same.

    It is the text, question and context, or a prompt and its two answers whichever is preferred.
    """
    match row:
        case Row() | TextRow():
            return normalised(row.text)
        case QuestionRow():
            return f"{normalised(row.question)}\n{context_of(row)}"
        case PairRow():
            answers = sorted(normalised(plain(said)) for said in (row.chosen, row.rejected))
            return "\n".join([normalised(plain(row.prompt)), *answers])
        case ProblemRow():
            return normalised(row.problem)


def said_of(row: AnyRow, labels: tuple[str, ...]) -> str:
    """Return what a row says of its text or question; two that are the same should say the same.

    What counts as the same answer is written the same: 4 for 4.0.
    """
    match row:
        case Row():
            return labels[row.label]
        case QuestionRow():
            return ANSWERS[not row.answers]
        case ProblemRow():
            return _shortest(row.answer)
        case TextRow():
            return ""
        case PairRow():
            return normalised(plain(row.chosen))


def _shortest(number: str) -> str:
    """Return a plain number without its needless zeros."""
    return format(Decimal(number).normalize(_EXACT), "f") if number else ""


def belongs_to(row: AnyRow) -> tuple[str, ...]:
    """Return what keeps a row together with others when some are held out, the widest first."""
    match row:
        case Row() | TextRow():
            return (normalised(row.text),)
        case QuestionRow():
            return (row.article, context_of(row))
        case PairRow():
            return (normalised(plain(row.prompt)),)
        case ProblemRow():
            return (normalised(row.problem),)


def stratum(row: AnyRow) -> int:
    """Return the class that draws take rows from in proportion to its size."""
    match row:
        case Row():
            return row.label
        case QuestionRow() | TextRow() | ProblemRow() | PairRow():
            return 0


def moved(row: AnyRow, *, split: str) -> AnyRow:
    """Return a training row as one of `split`: numbered rows keep their number, questions their id.

    Row train/17 becomes validation/17.
    """
    match row:
        case Row() | TextRow() | ProblemRow() | PairRow():
            return replace(row, id=f"{split}/{row.id.removeprefix('train/')}")
        case QuestionRow():
            return row


def context_of(row: QuestionRow) -> str:
    """Return what two questions share that are about the same context."""
    return _normalised_context(row.context)


@lru_cache(maxsize=64)
def _normalised_context(context: str) -> str:
    """Return the normalised text; questions of one context stand side by side."""
    return normalised(context)
