"""JSON as its standard has it: stricter than Python's own reader.

Python takes NaN, lets the last of two equal keys win and makes 1e400 infinite. Whatever is no JSON
goes to a function of the caller's, which raises, or returns what is to stand in its place.
"""

import json
import re
from collections.abc import Callable
from math import isinf
from typing import Any

from loratory.errors import DataError

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_JSON_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}
_MOST_DIGITS = 300


def strict_decoder(refuse: Callable[[str], Any]) -> json.JSONDecoder:
    """Return a reader of JSON that hands the problem of each part that is none to `refuse`."""

    def values_of(pairs: list[tuple[str, Any]]) -> Any:
        values = dict(pairs)
        if len(values) == len(pairs):
            return values
        names = [key for key, _ in pairs]
        return refuse(f"key {next(n for n in names if names.count(n) > 1)!r} is given twice")

    def whole(number: str) -> Any:
        too_long = len(number) > _MOST_DIGITS
        return refuse(f"a number has {len(number)} digits") if too_long else int(number)

    def finite(number: str) -> Any:
        value = float(number)
        too_large = f"{number} is larger than any number that can be stored"
        return refuse(too_large) if isinf(value) else value

    return json.JSONDecoder(
        object_pairs_hook=values_of,
        parse_int=whole,
        parse_float=finite,
        parse_constant=lambda constant: refuse(f"{constant} is not a JSON number"),
    )


def json_name(value: object) -> str:
    """Return what JSON calls a value: `a list`, `null`, …."""
    return _JSON_NAMES[type(value)]


def shown(value: object) -> object:
    """Return a value as a message shows what a JSON file has."""
    if isinstance(value, bool):
        return f"a boolean {str(value).lower()}"
    return "a null" if value is None else value


def control_fault(text: str, name: str, first: int = 1) -> DataError | None:
    """Return the fault of the first control character in lines of `name`, numbered from `first`."""
    control = _CONTROL.search(text)
    if control is None:
        return None
    line = text.count("\n", 0, control.start())
    character = control.start() - text.rfind("\n", 0, control.start())
    return DataError(
        "DATA-TEXT",
        f"control character U+{ord(control.group()):04X} at character {character} of the line",
        at=f"{name}:{first + line}",
        fix="remove it",
    )
