"""What stands in a label column, and which class it is.

A label is a class name, or the number of a class where the names are not numbers themselves: an
integer in JSON and Parquet, a string of digits in CSV and TSV. Nothing is guessed: `true`, `1.0`,
`"positive "` and an empty field are errors, while `no` and `NA` are names like any other.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from loratory.data.strict_json import shown
from loratory.data.texts import checked_text
from loratory.errors import DataError

LabelOf = Callable[[object, str], int]
"""From the value of a label column and its place to the index of a class."""

_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_MOST_SHOWN = 12
_FIX = "correct the label, or list the classes in task.labels"


class LabelColumn:
    """The classes of one file's label column, whose labels are all names or all numbers."""

    def __init__(self, names: Sequence[str], *, digits: bool = False) -> None:
        self._names = {name: index for index, name in enumerate(names)}
        self._numbered = not any(_WHOLE.fullmatch(name) for name in names)
        self._digits = digits
        self._by_number: bool | None = None

    def __call__(self, value: object, place: str) -> int:
        """Return the index of the class that `value` means.

        Raises:
            DataError: it means none of them, or is a number where the file's labels so far are
                names, or the reverse (DATA-LABEL); or no text may be like it (DATA-TEXT).
        """
        name = _label_name(value, place)
        index, by_number = self._class(value, name)
        if index is None:
            raise self._unknown(value, name, place)
        if self._by_number is None:
            self._by_number = by_number
        if self._by_number != by_number:
            raise DataError(
                "DATA-LABEL",
                "the labels change between names and numbers inside the file",
                at=place,
                got=value,
                fix="write every label of the file in the same way",
            )
        return index

    def _class(self, value: object, name: str) -> tuple[int | None, bool]:
        """Return the index of a class, and whether it was given by its number."""
        is_int = isinstance(value, int)
        if name in self._names:
            return self._names[name], is_int
        is_number = is_int or (self._digits and _WHOLE.fullmatch(name) is not None)
        if self._numbered and is_number and name in map(str, range(len(self._names))):
            return int(name), True
        return None, is_number

    def _unknown(self, value: object, name: str, place: str) -> DataError:
        hint = ""
        if name.strip() in self._names:
            hint = " (a space before or after it?)"
        elif name.strip().casefold() in {known.casefold() for known in self._names}:
            hint = " (upper or lower case?)"
        return DataError(
            "DATA-LABEL",
            f"the label is not one of the classes{hint}",
            at=place,
            got=value,
            expected=_alternatives(list(self._names)),
            fix=_FIX,
        )


def inferred_labels(values: Iterable[object]) -> tuple[str, ...]:
    """Return the classes that a training file's labels name, sorted; whole numbers as numbers.

    What cannot be a class is left out here and refused when the rows are read: a label that
    differs from an earlier one in spaces or case alone, is of another type than the first, or
    holds what no text may.
    """
    names: dict[str, str] = {}
    kind: type | None = None
    for value in values:
        if not _is_label(value) or (kind and type(value) is not kind):
            continue
        kind = type(value)
        name = str(value)
        if name == name.strip() and _is_sound(name):
            names.setdefault(name.casefold(), name)
    if all(_WHOLE.fullmatch(name) for name in names.values()):
        return tuple(sorted(names.values(), key=int))
    return tuple(sorted(names.values()))


def _is_label(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _is_sound(name: str) -> bool:
    try:
        return bool(checked_text(name, ""))
    except DataError:
        return False


def _label_name(value: object, place: str) -> str:
    if _is_label(value):
        return checked_text(str(value), place, what="label")
    missing = value is None or value == ""
    raise DataError(
        "DATA-LABEL",
        "the label is missing" if missing else "the label is neither a name nor a whole number",
        at=place,
        got=shown(value),
        expected="a class name, or the whole number of a class",
        fix="add the label, or take the row out" if missing else _FIX,
    )


def _alternatives(names: list[str]) -> str:
    shown = [repr(name) for name in names[:_MOST_SHOWN]]
    if len(names) > _MOST_SHOWN:
        return f"one of {len(names)} classes: {', '.join(shown)}, …"
    return " or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
