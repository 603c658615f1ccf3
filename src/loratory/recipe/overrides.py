"""Settings from the command line or from Python that take the place of a recipe's own.

KEY is a path such as `training.epochs`; VALUE is read as YAML 1.2, one scalar or one [list] or
{section}. A value replaces what the key held, a whole section too. `null` removes the key, so that
its default counts, except where null itself is a setting (`training.max_grad_norm=null`). What a
key takes may depend on a section's kind: it is the kind after all overrides that counts.
"""

import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loratory.errors import ConfigError
from loratory.recipe.known_keys import ANY, known_key, known_keys
from loratory.recipe.settings import COMMAND_LINE, OVERRIDE, Scalar, Settings, check_scalar, dotted
from loratory.recipe.yaml_file import read_yaml_text
from loratory.recipe.yaml_nodes import DEEPEST
from loratory.recipe.yaml_scalar import resolved_scalar

_FLOW_OR_QUOTED = ("[", "{", '"', "'")


def apply_overrides(settings: Settings, overrides: Sequence[str] | Mapping[str, Any]) -> None:
    """Change `settings` by texts `KEY=VALUE`, or by a mapping from keys to values.

    Raises:
        ConfigError: CFG-SYNTAX (not KEY=VALUE), CFG-DUP (a key given twice), CFG-TYPE (a key
            below a single value, a value that no recipe can hold), and what YAML's reader raises.
    """
    given = list(_each_once(overrides))
    after = copy.deepcopy(settings)
    for path, value, place in given:
        after.put(path, value, place)
    for path, value, place in given:
        if value is None and _is_removed_by_null(path, after.values):
            settings.remove(path, place)
        else:
            settings.put(path, value, place)


def _is_removed_by_null(path: tuple[str, ...], values: dict[str, Any]) -> bool:
    """Tell whether null removes this key; one that no kind has is left for the schema to refuse."""
    known = known_key(path, values)
    if known is None:
        return path in known_keys()
    return "null" not in known.types


def _each_once(
    overrides: Sequence[str] | Mapping[str, Any],
) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """Yield the path, the value and the place of each override, and refuse a path's second."""
    seen: set[tuple[str, ...]] = set()
    for path, value, place in _read(overrides):
        if path in seen:
            raise ConfigError(
                "CFG-DUP",
                f"{dotted(path)} is given twice",
                at=f"{place}{dotted(path)}",
                fix="remove one of the two",
            )
        seen.add(path)
        yield path, value, place


def _read(
    overrides: Sequence[str] | Mapping[str, Any],
) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """Yield the path, the value and the place of each override."""
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            path = _key_path(key, OVERRIDE)
            yield path, _plain(value, f"{OVERRIDE}{dotted(path)}", 0), OVERRIDE
    else:
        for text in overrides:
            key, equals, written = text.partition("=")
            if not equals:
                raise _no_override(text, COMMAND_LINE)
            path = _key_path(key, COMMAND_LINE)
            yield path, _value(written.strip(), f"{COMMAND_LINE}{dotted(path)}"), COMMAND_LINE


def _key_path(key: str, place: str) -> tuple[str, ...]:
    path = tuple(key.strip().split("."))
    if not all(path) or len(path) > DEEPEST:
        raise _no_override(key, place)
    check_scalar(key, f"{place}{dotted(path)}")
    # A free name, such as that of a layer, may hold points itself.
    ends = (end for end in range(1, len(path)) if (*path[:end], ANY) in known_keys())
    end = next(ends, len(path) - 1)
    return (*path[:end], ".".join(path[end:]))


def _no_override(text: str, place: str) -> ConfigError:
    return ConfigError(
        "CFG-SYNTAX",
        "this does not name a setting",
        at=place.strip(": "),
        got=text,
        expected="a key such as training.epochs=3",
        fix="write KEY=VALUE, the parts of KEY separated by points",
    )


def _value(written: str, at: str) -> Any:
    if written.startswith(_FLOW_OR_QUOTED):
        return read_yaml_text(written, at).values
    value = resolved_scalar(written)
    check_scalar(value, at)
    return value


def _plain(value: object, at: str, depth: int) -> Any:
    """Return a Python value as YAML would have given it."""
    if depth > DEEPEST:
        raise _no_value(value, at)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    match value:
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise _no_value(value, at)
            for key in value:
                check_scalar(key, at)
            return {key: _plain(held, at, depth + 1) for key, held in value.items()}
        case list() | tuple():
            return [_plain(held, at, depth + 1) for held in value]
        case None | str() | bool() | int() | float():
            scalar: Scalar = value
            check_scalar(scalar, at)
            return scalar
        case _:
            raise _no_value(value, at)


def _no_value(value: object, at: str) -> ConfigError:
    return ConfigError(
        "CFG-TYPE",
        "a recipe cannot hold this value",
        at=at,
        got=f"a {type(value).__name__}",
        expected="text, numbers, booleans, None, and lists and mappings of them",
        fix="convert it first",
    )
