"""Every mistake that the schema finds as one clear error: the place, what was meant, the fix."""

import json
import math
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loratory.errors import ConfigError
from loratory.recipe.known_keys import KnownKey, is_section, known_key
from loratory.recipe.nearest_key import advice_for
from loratory.recipe.settings import COMMAND_LINE, KeyPath, Settings, dotted
from loratory.recipe.yaml_scalar import resolved_scalar

MOST_SHOWN = 10
_NUMBERS = {"integer", "number"}


def explain(error: ValidationError, settings: Settings) -> ConfigError:
    """Return one error for all mistakes: the first is its headline, the others follow its fix."""
    faults = _faults(error, settings.values)
    order = {path: number for number, path in enumerate(settings.places)}
    paths = sorted(faults, key=lambda path: order.get(path, len(order)))
    mistakes: list[ConfigError] = []
    meant: set[str] = set()
    for path in paths[:MOST_SHOWN]:
        match faults[path]["type"]:
            case "extra_forbidden":
                advice = advice_for(path)
                meant |= {*advice.meant}
                mistakes.append(_unknown(path, settings, advice.fix))
            case "missing":
                if dotted(path) not in meant:
                    mistakes.append(_missing(path, settings))
            case "value_error":
                mistakes.append(_broken_rule(path, faults[path], settings))
            case _:
                mistakes.append(_wrong_value(path, settings))
    return _together(mistakes, not_shown=len(paths[MOST_SHOWN:]))


def _faults(error: ValidationError, values: dict[str, Any]) -> dict[KeyPath, ErrorDetails]:
    """Return one fault for each path; pydantic lists one for each form that a value may have."""
    faults: dict[KeyPath, ErrorDetails] = {}
    for fault in error.errors(include_url=False, include_input=False):
        faults.setdefault(_path(fault, values), fault)
    deepest = {path[:-1] for path in faults if isinstance(path[-1], int)}
    return {path: fault for path, fault in faults.items() if path not in deepest}


def _path(fault: ErrorDetails, values: Any) -> KeyPath:
    """Return the fault's path as it is written, without the names pydantic gives to forms."""
    path: KeyPath = ()
    for part in fault["loc"]:
        if isinstance(values, dict) and is_section(path):
            path, values = (*path, part), values.get(str(part))
        elif isinstance(values, list) and isinstance(part, int):
            path, values = (*path, part), values[part]
    return path


def _unknown(path: KeyPath, settings: Settings, fix: str) -> ConfigError:
    problem = f"unknown key `{dotted(path[-1:])}`"
    return ConfigError("CFG-UNKNOWN", problem, at=settings.place(path), fix=fix)


def _missing(path: KeyPath, settings: Settings) -> ConfigError:
    known = known_key(path)
    described = known.description.rstrip(".")
    return ConfigError(
        "CFG-MISSING",
        f"`{dotted(path)}` is missing",
        at=settings.place(path),
        expected=known.expected,
        fix=f"add `{dotted(path)}`: {described[:1].lower()}{described[1:]}",
    )


def _broken_rule(path: KeyPath, fault: ErrorDetails, settings: Settings) -> ConfigError:
    problem, _, fix = str(fault["ctx"]["error"]).partition("; ")
    place = settings.place(settings.overridden_within(path))
    fix = fix or f"correct {dotted(path)}"
    removal = "; KEY=null removes a key" if place.startswith(COMMAND_LINE) else ""
    return ConfigError("CFG-RANGE", problem, at=place, fix=fix + removal)


def _wrong_value(path: KeyPath, settings: Settings) -> ConfigError:
    known, place = known_key(path), settings.place(path)
    value: Any = settings.values
    for part in path:
        value = value[part]
    of_type = _is_of_type(value, known)
    return ConfigError(
        "CFG-RANGE" if of_type else "CFG-TYPE",
        "the value is out of range" if of_type else "the value is of the wrong type",
        at=place,
        got=_shown(value),
        expected=known.expected,
        fix=_intended(value, known, place) or _allowed(path, known),
    )


def _is_of_type(value: Any, known: KnownKey) -> bool:
    """Tell whether the value is of a right type and only out of range; `true` counts as 1."""
    match value:
        case str():
            return "string" in known.types or (_is_not_finite(value) and _takes_number(known))
        case bool():
            return "integer" in known.types
        case int() | float():
            return _takes_number(known)
        case list():
            return "array" in known.types
        case _:
            return False


def _takes_number(known: KnownKey) -> bool:
    return bool(known.types & _NUMBERS)


def _is_not_finite(text: str) -> bool:
    """Tell whether text is a word for infinity or NaN, such as JSON's, that YAML 1.2 has not."""
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


def _shown(value: Any) -> Any:
    """Return what the message says was got; text that begins with `a ` is shown as it is."""
    match value:
        case None:
            return "a blank (null)"
        case bool():
            return f"a boolean ({json.dumps(value)})"
        case dict():
            return "a section of settings"
        case list():
            return "a list"
        case _:
            return value


def _intended(value: Any, known: KnownKey, place: str) -> str | None:
    """Return the fix where the value shows what was meant."""
    if value is None:
        return "write a value, or remove the key"
    if isinstance(value, str):
        return _intended_word(value, known)
    if "string" in known.types and not known.choices and isinstance(value, int | float):
        quoted = f'"{json.dumps(value)}"'
        for_the_shell = f"'{quoted}'" if place.startswith(COMMAND_LINE) else quoted
        return f"quote it: {for_the_shell}"
    return None


def _intended_word(value: str, known: KnownKey) -> str | None:
    number = resolved_scalar(value.strip())
    if _takes_number(known) and isinstance(number, int | float) and not isinstance(number, bool):
        return f"write the number without quotes: {value.strip()}"
    close = get_close_matches(value[:64].lower(), known.choices, n=1)
    return f"did you mean {close[0]}?" if close else None


def _allowed(path: KeyPath, known: KnownKey) -> str:
    such_as = f", such as {known.default}" if isinstance(known.default, int | float) else ""
    return f"set {dotted(path)} to {known.expected}{such_as}"


def _together(mistakes: list[ConfigError], *, not_shown: int) -> ConfigError:
    first, *others = mistakes
    more = [f"and {not_shown} more"] if not_shown else []
    return ConfigError(
        first.code,
        first.problem,
        at=first.at,
        got=first.got,
        expected=first.expected,
        fix="\n".join([first.fix, *map(str, others), *more]),
    )
