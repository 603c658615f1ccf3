"""JSON Lines: one object per line.

Stricter than Python's own reader, which takes NaN and lets the last of two equal keys win.
"""

import json
import re
from collections.abc import Sequence
from math import isinf
from typing import Any

from loratory.data.lines import read_lines
from loratory.data.records import Record, Records, missing_column
from loratory.errors import DataError

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_JSON_NAMES = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}
_MOST_DIGITS = 300
_ONE_OBJECT = 'write one object per line: {"text": "…", "label": "…"}'


def jsonl_records(content: bytes, name: str, columns: Sequence[str]) -> Records:
    """Return the records of a JSON Lines file; keys that are not asked for are left alone.

    A line that is not one object with the keys asked for is a fault of that line.
    """
    return [
        line.fault or _record(line.text, columns, f"{name}:{line.number}")
        for line in read_lines(content, name)
    ]


def _record(line: str, columns: Sequence[str], place: str) -> Record | DataError:
    control = _CONTROL.search(line)
    if control:
        return DataError(
            "DATA-TEXT",
            f"control character U+{ord(control.group()):04X} at character {control.start() + 1} "
            "of the line",
            at=place,
            fix="remove it",
        )
    try:
        values = _values(line)
    except ValueError as error:
        return DataError("DATA-JSON", str(error), at=place, fix=_ONE_OBJECT)
    for column in columns:
        if column not in values:
            return missing_column(column, list(values), place)
    return Record(place, tuple(values[column] for column in columns))


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
        raise ValueError(f"the line is not an object but {_JSON_NAMES[type(values)]}")
    return values


def _json_problem(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return f"there is more than one value on the line (column {error.colno})"
    return f"the line is not complete JSON ({error.msg}, column {error.colno})"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} is given twice")
    return values


def _finite(number: str) -> float:
    value = float(number)
    if isinf(value):
        raise ValueError(f"{number} is larger than any number that can be stored")
    return value


def _whole(number: str) -> int:
    if len(number) > _MOST_DIGITS:
        raise ValueError(f"a number has {len(number)} digits")
    return int(number)


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_whole,
    parse_float=_finite,
    parse_constant=_refuse_constant,
)
