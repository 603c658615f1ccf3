"""What both ways of answering questions share."""

from collections.abc import Sequence

from loratory.data.rows import QuestionRow
from loratory.metrics.baselines import Question


def right_texts(row: QuestionRow) -> tuple[str, ...]:
    """Return the texts of every answer that counts as right; none where there is no answer."""
    return tuple(answer.text for answer in row.answers)


def as_questions(rows: Sequence[QuestionRow]) -> list[Question]:
    """Return each row's question, context and right answers."""
    return [(row.question, row.context, right_texts(row)) for row in rows]
