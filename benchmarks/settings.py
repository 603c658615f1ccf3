"""`python -m benchmarks.settings`: writes docs/settings.md, every setting, read off the schema.

Help texts, defaults and limits are those that check a recipe and explain its mistakes. A section
that several kinds of another take, and a key that several kinds have alike, stand once.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from loratory.recipe.known_keys import keys_of_schema
from loratory.recipe.schema import Recipe

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

_INTRODUCTION = """\
# Settings

Every key of a recipe, written by `python -m benchmarks.settings` from the schema that checks
recipes. What to choose is said by [methods.md](methods.md), [sweeps.md](sweeps.md) and the pages of
the [tasks](tasks).

In a recipe a key stands below its section's name; on the command line and from Python it is written
with its path, `training.epochs=3` or `task.decoding.kind=beam`. `KEY=null` gives a key its default
back, unless its meaning says what null is. A section that is written has the defaults of its own
table for all keys that it leaves out.
"""
_SECTIONS = re.compile(r"\b(a section|sections) of settings\b")
_HEADINGS = ("key", "takes", "default", "meaning")
_SCHEMA = Recipe.model_json_schema()
_DEFINED: dict[str, dict[str, Any]] = _SCHEMA["$defs"]


class Row(NamedTuple):
    """What the page says of a key."""

    key: str
    """Its name, as code."""

    takes: str
    default: str
    meaning: str


class Keys(NamedTuple):
    """A key of sections that takes sections itself."""

    key: str
    taken: tuple[str, ...]
    """Names of these, as the schema has them."""


def page() -> str:
    """Return the page: the recipe's own keys, then each of its sections."""
    within = {Keys(key, names): key for key, names in _taken(_SCHEMA).items()}
    parts = [_INTRODUCTION, table(_HEADINGS, _rows(_SCHEMA, within))]
    for keys, title in within.items():
        parts += _section(title, keys.key, keys.taken, level=2)
    return "\n".join(parts)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, in whose cells a `|` is no border."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [headings, ["---"] * len(headings), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def anchor(heading: str) -> str:
    """Return what a link to a heading ends in, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _section(title: str, path: str, names: Sequence[str], *, level: int) -> list[str]:
    """Return the parts of the page on a section, which is one of those named in the schema."""
    kinds = {name: kind for name in names if (kind := _kind(name))}
    within = _within(path, names, kinds)
    rows = {name: _rows(_DEFINED[name], within) for name in names}
    parts = [f"{'#' * level} {title}\n"]
    if kinds:
        parts += _of_kinds(path, {kinds[name]: rows[name] for name in kinds})
        for name, kind in kinds.items():
            parts += [f"{'#' * (level + 1)} {path}: {kind}\n", *_of_kind(name, rows)]
    else:
        (name,) = names
        parts += [f"{_DEFINED[name]['description']}\n", table(_HEADINGS, rows[name])]
    for keys, inner in within.items():
        parts += _section(inner, f"{path}.{keys.key}", keys.taken, level=level + 1)
    return parts


def _within(path: str, names: Sequence[str], kinds: Mapping[str, str]) -> dict[Keys, str]:
    """Return the sections within others, each with its heading: which kinds have it, if not all."""
    found: dict[Keys, list[str]] = {}
    for name in names:
        for key, taken in _taken(_DEFINED[name]).items():
            found.setdefault(Keys(key, taken), []).append(name)
    titles = {}
    for keys, having in found.items():
        whose = " and ".join(kinds[name] for name in having if len(having) < len(names))
        titles[keys] = f"{path}.{keys.key}" + (f" of {whose}" if whose else "")
    return titles


def _of_kinds(path: str, rows: Mapping[str, Sequence[Row]]) -> list[str]:
    """Return which kinds there are, and a table of the keys that several of them have alike."""
    usual, *others = (f"[{kind}](#{anchor(f'{path}: {kind}')})" for kind in rows)
    parts = [f"`{path}.kind`: {', '.join([f'{usual} (the default)', *others])}.\n"]
    shared = [
        (row.key, "all" if len(having) == len(rows) else ", ".join(having), *row[1:])
        for row, having in _having(rows).items()
        if len(having) > 1
    ]
    if shared:
        parts.append(table(("key", "kinds", *_HEADINGS[1:]), shared))
    return parts


def _of_kind(name: str, rows: Mapping[str, Sequence[Row]]) -> list[str]:
    """Return what a kind is, which keys it has as others have them, and a table of its own."""
    having = _having(rows)
    shared = [row.key for row in rows[name] if len(having[row]) > 1]
    own = [row for row in rows[name] if len(having[row]) == 1]
    parts = [f"{_DEFINED[name]['description']}\n"]
    parts += [f"From the table above: {', '.join(shared)}.\n"] if shared else []
    return [*parts, table(_HEADINGS, own)] if own else parts


def _having(rows: Mapping[str, Sequence[Row]]) -> dict[Row, list[str]]:
    """Return each row with the kinds that have it."""
    every = dict.fromkeys(row for of_kind in rows.values() for row in of_kind)
    return {row: [kind for kind, of_kind in rows.items() if row in of_kind] for row in every}


def _rows(section: Mapping[str, Any], within: Mapping[Keys, str]) -> list[Row]:
    """Return the keys of a section but for the kind that it is; `within` are headings to link."""
    known = keys_of_schema({**section, "$defs": _DEFINED})
    taken, rows = _taken(section), []
    for key, schema in section["properties"].items():
        if "const" in schema:
            continue
        takes = known[key,][0].expected
        if key in taken:
            link = rf"[\g<0>](#{anchor(within[Keys(key, taken[key])])})"
            takes = _SECTIONS.sub(link, takes)
        needed = key in section.get("required", ())
        default = "required" if needed else _default(schema["default"], taken.get(key, ()))
        rows.append(Row(f"`{key}`", takes, default, known[key,][0].description))
    return rows


def _default(value: Any, taken: Sequence[str]) -> str:
    """Return a default in words: of a section its kind, and what its own table says otherwise."""
    if value is None:
        return "absent"
    if not taken or not isinstance(value, dict):
        plain = isinstance(value, str) and re.fullmatch(r"[\w-]+", value)
        return f"`{value if plain else json.dumps(value, ensure_ascii=False)}`"
    name = next((name for name in taken if _kind(name) == value.get("kind")), taken[0])
    schemas = _DEFINED[name]["properties"]
    changed = [
        f"`{key}: {held}`"
        for key, held in value.items()
        if held != schemas[key].get("default") or (key == "kind" and len(taken) > 1)
    ]
    return ", ".join(changed) or "as in its table"


def _taken(section: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the keys of a section that take sections, with the names of these."""
    found = {key: tuple(_references(schema)) for key, schema in section["properties"].items()}
    return {key: names for key, names in found.items() if names}


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for held in part for name in _references(held)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
    return [*own, *_references([*part.values()])]


def _kind(name: str) -> str | None:
    """Return which kind of a section this is; None where there is one kind alone."""
    kind: str | None = _DEFINED[name]["properties"].get("kind", {}).get("const")
    return kind


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
