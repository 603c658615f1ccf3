"""Every key of the schema with what its value may be, in words, read off the JSON schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from loratory.recipe.schema import Recipe
from loratory.recipe.settings import KeyPath

ITEM = "[]"
"""Stands in a path for every position of a list."""

_LIMITS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
}
_NOUNS = {"integer": "a whole number", "number": "a number", "string": "text"}


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key, a section, or the items of a list."""

    expected: str
    """What its value may be: `a whole number >= 1`."""

    types: frozenset[str]
    """JSON schema's names of the types of its values."""

    choices: tuple[str, ...]
    """The words it takes, where it takes words."""

    default: object
    """Its value when absent; None also where there is no default."""

    description: str
    """Its help text."""


@cache
def known_keys() -> Mapping[tuple[str, ...], KnownKey]:
    """Return the keys by their path from the root, which is ()."""
    schema = Recipe.model_json_schema()
    return dict(_keys_within(schema, (), schema["$defs"]))


def known_key(path: KeyPath) -> KnownKey:
    """Return the key at a path that may hold list positions."""
    return known_keys()[tuple(ITEM if isinstance(part, int) else part for part in path)]


def is_section(path: KeyPath) -> bool:
    """Tell whether there are keys below `path`."""
    return path in known_keys() and "object" in known_key(path).types


def keys_of_section(path: KeyPath) -> list[str]:
    """Return the names of the keys directly below `path`."""
    return [key[-1] for key in known_keys() if key and key[:-1] == path and key[-1] != ITEM]


def _keys_within(
    schema: dict[str, Any], path: tuple[str, ...], sections: dict[str, Any]
) -> list[tuple[tuple[str, ...], KnownKey]]:
    forms = [
        sections[form["$ref"].rpartition("/")[2]] | form if "$ref" in form else form
        for form in schema.get("anyOf", [schema])
    ]
    found = [(path, _known_key(schema, forms))]
    for form in forms:
        for name, inner in form.get("properties", {}).items():
            found += _keys_within(inner, (*path, name), sections)
        if "items" in form:
            found += _keys_within(form["items"], (*path, ITEM), sections)
    return found


def _known_key(schema: dict[str, Any], forms: list[dict[str, Any]]) -> KnownKey:
    described = [_expected(form) for form in forms if form["type"] != "null"]
    return KnownKey(
        expected=" or ".join(described),
        types=frozenset(form["type"] for form in forms),
        choices=tuple(word for form in forms for word in _choices(form)),
        default=schema.get("default"),
        description=" ".join(schema.get("description", "").split()),
    )


def _choices(form: dict[str, Any]) -> list[str]:
    words: list[str] = form.get("enum", [form["const"]] if "const" in form else [])
    return words


def _expected(form: dict[str, Any]) -> str:
    if choices := _choices(form):
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if form["type"] == "object":
        return "a section of settings"
    if form["type"] == "array":
        return f"a list of {_expected(form['items'])}"
    if "pattern" in form:
        return f"text that matches {form['pattern']}"
    limits = [f"{sign} {form[name]}" for name, sign in _LIMITS.items() if name in form]
    words = f"{_NOUNS[form['type']]} {' and '.join(limits)}".strip()
    return f"{words} that is not empty" if form.get("minLength") else words
