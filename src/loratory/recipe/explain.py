"""Every mistake that the schema finds as one clear error: the place, what was meant, the fix."""

import json
import math
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loratory.errors import ConfigError
from loratory.recipe.known_keys import (
    KnownKey,
    is_section,
    kind_at,
    kinds_needed,
    known_key,
    value_at,
)
from loratory.recipe.nearest_key import advice_for
from loratory.recipe.section import ClashError
from loratory.recipe.settings import COMMAND_LINE, OVERRIDE, KeyPath, Settings, dotted
from loratory.recipe.yaml_scalar import resolved_scalar

MOST_SHOWN = 10
_NUMBERS = {"integer", "number"}
_BOOLEANS = {  # what YAML 1.1 took for booleans, and a boolean in quotes
    **dict.fromkeys(("true", "yes", "on", "y"), "true"),
    **dict.fromkeys(("false", "no", "off", "n"), "false"),
}


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
                advice = advice_for(path, settings.values)
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
    deepest = {path[:-1] for path in faults if path and isinstance(path[-1], int)}
    return {path: fault for path, fault in faults.items() if path not in deepest}


def _path(fault: ErrorDetails, values: dict[str, Any]) -> KeyPath:
    """Return the fault's path as it is written, without the names pydantic gives to forms."""
    path: KeyPath = ()
    value: Any = values
    names_kind = False  # the part that follows a section of several kinds
    for part in fault["loc"]:
        if names_kind:
            names_kind = False
            continue
        if isinstance(value, dict) and is_section(path, values):
            if part not in value and known_key((*path, part), values) is None:
                continue  # the name of a form that is a section, where others are none
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            continue
        path = (*path, part)
        names_kind = kind_at(path, values) is not None
    return (*path, "kind") if fault["type"] == "union_tag_invalid" else path


def _unknown(path: KeyPath, settings: Settings, fix: str) -> ConfigError:
    place = settings.place(path)
    for section in kinds_needed(path, settings.values):
        kind = kind_at(section, settings.values)
        overridden = _is_overridden(settings.place((*section, "kind")))
        if overridden and not _is_overridden(place):  # the file's keys are of the file's kind
            fix += f"; or replace all of {dotted(section)}: '{dotted(section)}={{kind: {kind}}}'"
    return ConfigError("CFG-UNKNOWN", f"unknown key `{dotted(path[-1:])}`", at=place, fix=fix)


def _is_overridden(place: str) -> bool:
    return place.startswith((COMMAND_LINE, OVERRIDE))


def _missing(path: KeyPath, settings: Settings) -> ConfigError:
    known = known_key(path, settings.values)
    assert known is not None
    described = known.description.rstrip(".")
    return ConfigError(
        "CFG-MISSING",
        f"`{dotted(path)}` is missing",
        at=settings.place(path),
        expected=known.expected,
        fix=f"add `{dotted(path)}`: {described[:1].lower()}{described[1:]}",
    )


def _broken_rule(path: KeyPath, fault: ErrorDetails, settings: Settings) -> ConfigError:
    rule = fault["ctx"]["error"]
    clashes = isinstance(rule, ClashError)
    problem, _, fix = str(rule).partition("; ")
    between = rule.between if clashes else (path,)
    places = [settings.place(settings.overridden_within(part)) for part in between]
    place = next(filter(_is_overridden, places), places[0])
    fix = fix or f"correct {dotted(path)}"
    removable = place.startswith(COMMAND_LINE) and not clashes
    removal = "; KEY=null removes a key" if removable else ""
    return ConfigError("CFG-RANGE", problem, at=place, fix=fix + removal)


def _wrong_value(path: KeyPath, settings: Settings) -> ConfigError:
    known, place = known_key(path, settings.values), settings.place(path)
    assert known is not None
    value = value_at(path, settings.values)
    of_type = _is_of_type(value, known)
    return ConfigError(
        "CFG-RANGE" if of_type else "CFG-TYPE",
        "the value is out of range" if of_type else "the value is of the wrong type",
        at=place,
        got=_shown(value),
        expected=known.expected,
        fix=_intended(value, known, place) or _allowed(path, value, known),
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
    if known.types == {"boolean"} and value.lower() in _BOOLEANS:
        return f"write {_BOOLEANS[value.lower()]}, without quotes"
    close = get_close_matches(value[:64].lower(), known.choices, n=1)
    return f"did you mean {close[0]}?" if close else None


def _allowed(path: KeyPath, value: Any, known: KnownKey) -> str:
    if isinstance(value, str) and (close := get_close_matches(value[:64], known.kinds, n=1)):
        return f"set {dotted(path)}.kind to {close[0]}"
    is_number = isinstance(known.default, int | float) and not isinstance(known.default, bool)
    such_as = f", such as {known.default}" if is_number else ""
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
