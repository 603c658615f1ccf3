"""Pairs: a prompt with a chosen and a rejected answer, as texts or as the messages of a chat.

The columns are those that TRL reads: `prompt`, `chosen`, `rejected`. Where there is no prompt, it
is what both answers begin with. Messages are lists of `{"role": …, "content": …}`; an answer's
follow the prompt's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from loratory.data.named import named_tables
from loratory.data.readers import Table, read_table
from loratory.data.reading import Reading, own_files
from loratory.data.records import Record
from loratory.data.review_pairs import pair_tables
from loratory.data.rows import Message, PairRow, Said, plain
from loratory.data.strict_json import shown
from loratory.data.texts import checked_text
from loratory.errors import DataError
from loratory.recipe.schema import DataSection

_ROLES = ("system", "developer", "user", "assistant", "tool")
_FIX = "correct the pair, or take it out"


@dataclass(frozen=True)
class PairReader:
    """Reads pairs: of the named set, or of files with columns of prompts and answers."""

    given: DataSection

    def section(self) -> Reading:
        """Return the records of the section's named set, or of its files."""
        if self.given.name is not None:
            return _reading(pair_tables(named_tables("rotten_tomatoes", self.given.dir)))
        return _reading({split: self._table(path) for split, path in own_files(self.given).items()})

    def file(self, path: Path) -> Reading:
        """Return the records of one more file, as the only split `file`."""
        return _reading({"file": self._table(path)})

    def _table(self, path: Path) -> Table:
        answers = (self.given.chosen, self.given.rejected)
        return read_table(path, answers, optional=(self.given.prompt,))


def _reading(tables: dict[str, Table]) -> Reading:
    return Reading(tables, dict.fromkeys(tables, pair_row))


def pair_row(record: Record, number: str) -> PairRow:
    """Return the row of a record of chosen, rejected and, maybe, prompt.

    Raises:
        DataError: an answer is empty, both are the same, a role is unknown, or texts and messages
            are mixed (DATA-PAIR); a text is none that a model can read (DATA-TEXT).
    """
    chosen, rejected, prompt = record.values
    place = record.place
    answers = [
        _answer(value, f"{which} answer", place)
        for which, value in (("chosen", chosen), ("rejected", rejected))
    ]
    start = None if prompt is None else _said(prompt, "prompt", place)
    if len({isinstance(said, str) for said in (*answers, *([] if start is None else [start]))}) > 1:
        raise _pair("texts and chat messages are mixed", place, got=None)
    if answers[0] == answers[1]:
        raise _pair("the two answers are identical", place, got=plain(answers[0]))
    if start is None:
        return _without_prompt(PairRow(number, "", answers[0], answers[1], place))
    return PairRow(number, start, answers[0], answers[1], place)


def _answer(value: object, what: str, place: str) -> Said:
    if value is None or (isinstance(value, str | list) and not value):
        raise _pair(f"the {what} is empty", place, got=None)
    found = _said(value, what, place)
    if not plain(found).strip():
        raise _pair(f"the {what} is empty", place, got=None)
    return found


def _said(value: object, what: str, place: str) -> Said:
    if isinstance(value, str):
        # A space is an answer's beginning as often as not; nothing but spaces is no answer.
        return value if what != "prompt" and not value.strip() else _text(value, what, place)
    if not isinstance(value, list) or not value:
        raise _pair(f"the {what} is neither text nor a list of messages", place, got=shown(value))
    return tuple(_message(item, what, place) for item in value)


def _message(item: object, what: str, place: str) -> Message:
    if not isinstance(item, dict) or not {"role", "content"} <= item.keys():
        raise _pair(f"a message of the {what} has no role and content", place, got=shown(item))
    if item["role"] not in _ROLES:
        raise DataError(
            "DATA-PAIR",
            f"a message of the {what} has an unknown role",
            at=place,
            got=shown(item["role"]),
            expected=" or ".join(_ROLES),
            fix="name one of these roles",
        )
    return Message(item["role"], _text(item["content"], f"content of the {what}", place))


def _text(value: object, what: str, place: str) -> str:
    return checked_text(value, place, what=what, most=None)


def _without_prompt(row: PairRow) -> PairRow:
    """Return the pair with what both answers begin with as the prompt, as TRL finds it."""
    chosen, rejected = row.chosen, row.rejected
    same = len(list(takewhile(lambda two: two[0] == two[1], zip(chosen, rejected, strict=False))))
    # The space between two words is the answer's.
    if isinstance(chosen, str) and same > 0 and chosen[same - 1] == " ":
        same -= 1
    if not same or same >= min(len(chosen), len(rejected)):
        problem = "there is no prompt, and the answers do not begin alike and then differ"
        raise _pair(problem, row.place, got=None)
    return replace(row, prompt=chosen[:same], chosen=chosen[same:], rejected=rejected[same:])


def _pair(problem: str, place: str, *, got: object) -> DataError:
    return DataError(
        "DATA-PAIR",
        problem,
        at=place,
        got=got,
        expected="a prompt, a chosen and a rejected answer that differ",
        fix=_FIX,
    )


def lengths(rows: Sequence[PairRow]) -> list[tuple[int, int]]:
    """Return the characters of the chosen and the rejected answer of each pair."""
    return [(len(plain(row.chosen)), len(plain(row.rejected))) for row in rows]
