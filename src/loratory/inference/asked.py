"""What a person asks a tuned model, as rows: texts, or questions about contexts."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from loratory.data.rows import AnyRow, ProblemRow, QuestionRow, Row, TextRow
from loratory.data.texts import checked_text
from loratory.errors import ConfigError, DataError
from loratory.recipe.schema import Reads

Item = str | Mapping[str, str]
"""A text, or `{"question": …, "context": …}`."""


def asked_rows(items: Sequence[Item], reads: Reads) -> list[AnyRow]:
    """Return a row for each item; ids count from 0.

    Raises:
        ConfigError: the task is made of pairs, of which none is asked.
        DataError: an item is not of the kind that the task reads, or one that no model can read.
    """
    return [_row(number, item, reads) for number, item in enumerate(items)]


def _row(number: int, item: Item, reads: Reads) -> AnyRow:
    name = str(number)
    match reads:
        case "labelled":
            place = f"text {number + 1}"
            return Row(name, checked_text(item, place), 0, place)
        case "texts":
            place = f"text {number + 1}"
            return TextRow(name, checked_text(item, place), place)
        case "problems":
            place = f"problem {number + 1}"
            return ProblemRow(name, checked_text(item, place, what="problem"), "", "", place)
        case "questions":
            place = f"question {number + 1}"
            if not isinstance(item, Mapping) or not {"question", "context"} <= item.keys():
                raise DataError(
                    "DATA-COL",
                    "a question needs its context",
                    at=place,
                    got=sorted(item) if isinstance(item, Mapping) else item,
                    expected="question and context",
                    fix='give {"question": "…", "context": "…"}, or a file with those columns',
                )
            question, context = (checked_text(item[key], place) for key in ("question", "context"))
            return QuestionRow(name, question, context, (), place)
        case "pairs":
            raise ConfigError(
                "CFG-VALUE",
                "a run of task preference was tuned on pairs of answers, and predicts nothing",
                at=f"item {number + 1}",
                fix="write answers with it (`loratory generate`), or score pairs with `loratory "
                "evaluate RUN --file F`",
            )
        case _:
            assert_never(reads)
