"""Records: what stands in a file at one place, before anything is checked against the task."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from loratory.errors import DataError

_MOST_SHOWN = 20
_NAMED_BY = {
    "text": "data.text (`loratory predict`: --column)",
    **{column: f"data.{column}" for column in ("label", "prompt", "chosen", "rejected")},
}
"""What names another column than the usual one; of other usual columns there is nothing."""


@dataclass(frozen=True, slots=True)
class Record:
    """The values of the columns that were asked for, in that order."""

    place: str
    values: tuple[object, ...]


Records = list[Record | DataError]
"""The records of a file in order; a malformed one is the error that says what is wrong with it."""


def missing_column(column: str, found: Sequence[str], place: str) -> DataError:
    """Return the error for a column that a file, or a row of it, does not have."""
    bare = column.strip().casefold()
    near = [name for name in found if name.strip().casefold() == bare]
    near = near or get_close_matches(column, found, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    names = ", ".join(map(repr, found[:_MOST_SHOWN])) or "nothing"
    if column in _NAMED_BY:
        other = f"set {_NAMED_BY[column]} to a column that the file has"
    else:
        other = "correct the setting that names it, if one does"
    return DataError(
        "DATA-COL",
        f"required column {column!r} is missing; found: {names}",
        at=place,
        fix=f"{hint}call the column {column!r}, or {other}",
    )
