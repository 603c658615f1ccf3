"""Paths of a recipe such that they hold from anywhere, those that a sweep tries included."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loratory.recipe.schema import Recipe
from loratory.recipe.section import Section

_PATHS = {
    "data.dir",
    "data.train",
    "data.validation",
    "data.test",
    "distillation.extra",
    "method.folder",
    "track.folder",
}
# A folder, or else a name: of a model that the hub or the package index has.
_NAMES = {"base", "base.tokenizer", "distillation.teacher"}
# What these hold is named by whole keys, as on the command line.
_SWEPT = {"sweep.values", "sweep.also", "sweep.points"}


def lasting(recipe: Recipe) -> Recipe:
    """Return the recipe with paths that hold from anywhere."""
    found: Recipe = _lasting(recipe, "")
    return found


def _lasting(value: Any, key: str) -> Any:
    match value:
        case str() if key in _PATHS or (key in _NAMES and Path(value).is_dir()):
            return str(Path(value).resolve())
        case Section():
            held = _each(dict(value), key)
            # What was not written stays so.
            changed = {name: new for name, new in held.items() if new != getattr(value, name)}
            return value.model_copy(update=changed)
        case Mapping():
            return _each(value, key)
        case list() | tuple():
            return type(value)(_lasting(item, key) for item in value)
        case _:
            return value


def _each(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    around = f"{key}." if key and key not in _SWEPT else ""
    return {name: _lasting(value, f"{around}{name}") for name, value in values.items()}
