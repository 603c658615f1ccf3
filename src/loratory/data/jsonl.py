"""JSON Lines: one object per line."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from loratory.data.lines import read_lines
from loratory.data.records import Record, Records, missing_column
from loratory.data.strict_json import control_fault, json_name, strict_decoder
from loratory.errors import DataError

_ONE_OBJECT = 'write one object per line: {"text": "…", "label": "…"}'


def jsonl_records(
    content: bytes, name: str, columns: Sequence[str], *, optional: Sequence[str] = ()
) -> Records:
    """Return the records of a JSON Lines file; keys that are not asked for are left alone.

    A line that is not one object with the keys asked for is a fault of that line. What a line
    lacks of `optional` is None.
    """
    return [
        line.fault
        or control_fault(line.text, name, first=line.number)
        or _record(line.text, columns, optional, f"{name}:{line.number}")
        for line in read_lines(content, name)
    ]


def _record(
    line: str, columns: Sequence[str], optional: Sequence[str], place: str
) -> Record | DataError:
    try:
        values = _values(line)
    except ValueError as error:
        return DataError("DATA-JSON", str(error), at=place, fix=_ONE_OBJECT)
    for column in columns:
        if column not in values:
            return missing_column(column, list(values), place)
    return Record(
        place,
        (*(values[column] for column in columns), *(values.get(column) for column in optional)),
    )


def _values(line: str) -> dict[str, Any]:
    """Return the object on a line; a ValueError says why there is none."""
    if not line.strip():
        raise ValueError("the line is blank")
    try:
        values = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise ValueError(_json_problem(error)) from None
    except RecursionError:
        raise ValueError("the line is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError(f"the line is not an object but {json_name(values)}")
    return values


def _json_problem(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return f"there is more than one value on the line (column {error.colno})"
    return f"the line is not complete JSON ({error.msg}, column {error.colno})"


def _refuse(problem: str) -> NoReturn:
    raise ValueError(problem)


_DECODER = strict_decoder(_refuse)
