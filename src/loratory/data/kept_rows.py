"""Rows as plain values, and back: for files of a run that keep some of its rows."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, assert_never

from loratory.data.rows import Answer, AnyRow, ProblemRow, QuestionRow, Row, TextRow
from loratory.recipe.schema import Reads


def row_values(row: AnyRow) -> dict[str, Any]:
    """Return the parts of a row by name, as JSON can hold them."""
    return asdict(row)


def row_of_values(values: Mapping[str, Any], reads: Reads) -> AnyRow:
    """Return the row that `row_values` took apart, of the kind that a task reads."""
    match reads:
        case "labelled":
            return Row(**values)
        case "texts":
            return TextRow(**values)
        case "problems":
            return ProblemRow(**values)
        case "questions":
            answers = tuple(Answer(**answer) for answer in values["answers"])
            return QuestionRow(**{**values, "answers": answers})
        case "pairs":
            raise TypeError("pairs are not kept")
        case _:
            assert_never(reads)
