"""Every key of the schema with what its value may be, in words, read off the JSON schema.

A section such as `task` is of one kind among several, and each kind has its own keys. A path may
therefore lead to several keys; the values of a recipe decide which of them counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from loratory.recipe.schema import Recipe
from loratory.recipe.settings import KeyPath

ITEM = "[]"
"""Stands in a path for every position of a list."""

ANY = "*"
"""Stands in a path for every name of a section whose names are free, such as a pattern's."""

_LIMITS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
}
_NOUNS = {
    "any": "any value",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a section of settings",
    "string": "text",
}
_NOUNS_OF_LISTS = {"a section of settings": "sections of settings", "any value": "values"}


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

    kinds: tuple[str, ...] = ()
    """The kinds there are of a section, the usual one first, where there are several."""

    keys: tuple[tuple[str, ...], ...] = ()
    """The names of the keys that a section has; for each of its kinds, where there are several."""

    within: tuple[tuple[int, str], ...] = ()
    """The kinds of section that have the key: the length of a section's path, and its kind."""


@cache
def known_keys() -> Mapping[tuple[str, ...], tuple[KnownKey, ...]]:
    """Return the keys by their path from the root, which is (); one for each kind that has it."""
    return keys_of_schema(Recipe.model_json_schema())


def keys_of_schema(schema: dict[str, Any]) -> Mapping[tuple[str, ...], tuple[KnownKey, ...]]:
    """Return the keys of a JSON schema by their path; one for each kind of section that has it."""
    keys: dict[tuple[str, ...], tuple[KnownKey, ...]] = {}
    for path, known in _keys_within(_resolved(schema, schema.get("$defs", {})), (), ()):
        keys[path] = (*keys.get(path, ()), known)
    return keys


def known_key(path: KeyPath, values: dict[str, Any]) -> KnownKey | None:
    """Return the key at a path that may hold list positions, as the kinds in `values` have it."""
    return next((key for key in _of_every_kind(path) if _is_of(key, path, values)), None)


def is_section(path: KeyPath, values: dict[str, Any]) -> bool:
    """Tell whether there are keys below `path`."""
    known = known_key(path, values)
    return known is not None and "object" in known.types


def keys_of_section(path: KeyPath, values: dict[str, Any]) -> list[str]:
    """Return the names of the keys directly below `path`."""
    known, kind = known_key(path, values), kind_at(path, values)
    if known is None or not known.keys:
        return []
    return [*known.keys[known.kinds.index(kind) if kind else 0]]


def kind_at(path: KeyPath, values: dict[str, Any]) -> str | None:
    """Return the kind of the section at `path`: the usual one where `values` name none there is."""
    known = known_key(path, values)
    if known is None or not known.kinds:
        return None
    given = value_at((*path, "kind"), values)
    return given if given in known.kinds else known.kinds[0]


def kinds_needed(path: KeyPath, values: dict[str, Any]) -> dict[KeyPath, list[str]]:
    """Return the kinds that have the key, for each section above it that is of another kind."""
    needed: dict[KeyPath, list[str]] = {}
    for key in _of_every_kind(path):
        for length, kind in key.within:
            kinds = needed.setdefault(path[:length], [])
            kinds += [kind] if kind not in kinds else []
    return {
        section: kinds for section, kinds in needed.items() if kind_at(section, values) not in kinds
    }


def value_at(path: KeyPath, values: dict[str, Any]) -> Any:
    """Return the value at `path`, None where there is none."""
    value: Any = values
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        else:
            value = value[part] if isinstance(value, list) and isinstance(part, int) else None
    return value


def _named(path: KeyPath) -> tuple[str, ...]:
    named: tuple[str, ...] = ()
    for part in path:
        own = (*named, ITEM if isinstance(part, int) else part)
        free = (*named, ANY)
        named = free if own not in known_keys() and free in known_keys() else own
    return named


def _of_every_kind(path: KeyPath) -> tuple[KnownKey, ...]:
    return known_keys().get(_named(path), ())


def _is_of(key: KnownKey, path: KeyPath, values: dict[str, Any]) -> bool:
    return all(kind_at(path[:length], values) == kind for length, kind in key.within)


def _resolved(part: Any, sections: dict[str, Any]) -> Any:
    """Return a part of a schema with what it refers to in place of every reference."""
    if isinstance(part, list):
        return [_resolved(held, sections) for held in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = sections[part["$ref"].rpartition("/")[2]] | part
    return {name: _resolved(held, sections) for name, held in part.items() if name != "$ref"}


def _keys_within(
    schema: dict[str, Any], path: tuple[str, ...], within: tuple[tuple[int, str], ...]
) -> Iterator[tuple[tuple[str, ...], KnownKey]]:
    section = _known_key(schema, within)
    yield path, section
    if section.kinds:
        yield (*path, "kind"), _kind_key(section)
    for form in _forms(schema):
        properties = dict(form.get("properties", {}))
        inside = within
        if section.kinds and properties:
            inside = (*within, (len(path), properties.pop("kind")["const"]))
        for name, inner in properties.items():
            yield from _keys_within(inner, (*path, name), inside)
        if "items" in form:
            yield from _keys_within(form["items"], (*path, ITEM), inside)
        if named := form.get("additionalProperties"):
            yield from _keys_within(named, (*path, ANY), inside)


def _forms(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the forms that a value may have."""
    choices = schema.get("anyOf") or schema.get("oneOf") or []
    return [form for choice in choices for form in _forms(choice)] or [schema]


def _kinds(forms: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of the kinds where the forms are, or one of them is, a kind of section."""
    named = [form["properties"].get("kind", {}) for form in forms if "properties" in form]
    return tuple(kind["const"] for kind in named if "const" in kind)


def _known_key(schema: dict[str, Any], within: tuple[tuple[int, str], ...]) -> KnownKey:
    forms = _forms(schema)
    return KnownKey(
        expected=_in_words(forms),
        types=frozenset(form["type"] for form in forms),
        choices=tuple(word for form in forms for word in _choices(form)),
        default=schema.get("default"),
        description=" ".join(schema.get("description", "").split()),
        kinds=_kinds(forms),
        keys=tuple(tuple(form["properties"]) for form in forms if "properties" in form),
        within=within,
    )


def _kind_key(section: KnownKey) -> KnownKey:
    """Return the key `kind` of a section that has several kinds."""
    return KnownKey(
        expected=f"one of {', '.join(section.kinds)}",
        types=frozenset({"string"}),
        choices=section.kinds,
        default=section.kinds[0],
        description="",
        within=section.within,
    )


def _choices(form: dict[str, Any]) -> list[str]:
    words: list[str] = form.get("enum", [form["const"]] if "const" in form else [])
    return words


def _in_words(forms: list[dict[str, Any]]) -> str:
    described = [_expected(form) for form in forms if form["type"] != "null"]
    return " or ".join(dict.fromkeys(described))


def _expected(form: dict[str, Any]) -> str:
    if choices := _choices(form):
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if form["type"] == "array":
        items = _in_words(_forms(form["items"]))
        return f"a list of {_NOUNS_OF_LISTS.get(items, items)}"
    if named := form.get("additionalProperties"):
        return f"a section of names, each with {_in_words(_forms(named))}"
    if "pattern" in form:
        return f"text that matches {form['pattern']}"
    limits = [f"{sign} {form[name]}" for name, sign in _LIMITS.items() if name in form]
    words = f"{_NOUNS[form['type']]} {' and '.join(limits)}".strip()
    return f"{words} that is not empty" if form.get("minLength") else words
