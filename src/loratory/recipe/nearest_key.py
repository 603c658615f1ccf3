"""For a key that there is not: the key that was meant, here or in another section."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from loratory.recipe.known_keys import (
    ANY,
    ITEM,
    keys_of_section,
    kinds_needed,
    known_key,
    known_keys,
)
from loratory.recipe.other_names import NOT_IN_A_RECIPE, OUR_KEYS, REMARKS
from loratory.recipe.settings import KeyPath, dotted

_CLOSE = 0.75


class Advice(NamedTuple):
    """What to do about an unknown key, and the keys that may have been meant."""

    fix: str
    meant: tuple[str, ...] = ()


def advice_for(path: KeyPath, values: dict[str, Any]) -> Advice:
    """Return what to do about the unknown key at `path` in a recipe of these values."""
    section, written = path[:-1], str(path[-1])
    name = _folded(written.rpartition(".")[2])
    return (
        _of_this_section(section, name, values, close=False)
        or _of_another_kind(section, name, values)
        or _of_another_tool(name, written, values)
        or _of_another_section(name, values)
        or _of_this_section(section, name, values, close=True)
        or _misspelt(name, values)
        or _choice(section, values)
    )


def _of_this_section(
    section: KeyPath, name: str, values: dict[str, Any], *, close: bool
) -> Advice | None:
    keys = {_folded(key): key for key in keys_of_section(section, values)}
    found = _closest(name, keys) if close else name
    if found not in keys:
        return None
    key = dotted((*section, keys[found]))
    return Advice(f"did you mean `{keys[found]}`?", (key,))


def _of_another_kind(section: KeyPath, name: str, values: dict[str, Any]) -> Advice | None:
    """Return advice on a key that the section would have if it were of another kind."""
    for path in _named_paths(name):
        if path[:-1] == section and (kinds := _kinds(path, values)):
            near = _of_this_section(section, name, values, close=True)
            fix = (near or _choice(section, values)).fix
            return Advice(f"`{path[-1]}` belongs to {kinds}; {fix}", (dotted(path),))
    return None


def _of_another_section(name: str, values: dict[str, Any]) -> Advice | None:
    named = _named_paths(name)
    paths = [path for path in named if known_key(path, values)] or named
    if not paths:
        return None
    keys = tuple(dotted(path) for path in paths)
    if len(paths) > 1 or len(paths[0]) == 1:
        return Advice(f"did you mean {_listed(keys)}?", keys)
    (path,) = paths
    kinds = _kinds(path, values)
    under = f"`{dotted(path[:-1])}`" + (f" with {kinds}" if kinds else "")
    return Advice(f"`{path[-1]}` belongs under {under}: write {keys[0]}", keys)


def _of_another_tool(name: str, written: str, values: dict[str, Any]) -> Advice | None:
    for theirs, ours in OUR_KEYS.items():
        if _folded(theirs) == name:
            remark = f" ({REMARKS[theirs]})" if theirs in REMARKS else ""
            kinds = _kinds(tuple(ours.split(".")), values)
            called = f"`{ours}` here" + (f", with {kinds}" if kinds else "")
            return Advice(f"{dotted((written,))} is called {called}{remark}", (ours,))
    for theirs, advice in NOT_IN_A_RECIPE.items():
        if _folded(theirs) == name:
            return Advice(advice)
    return None


def _misspelt(name: str, values: dict[str, Any]) -> Advice | None:
    ours = {_folded(path[-1]) for path in _named_paths()}
    theirs = {_folded(other): other for other in (*OUR_KEYS, *NOT_IN_A_RECIPE)}
    found = _closest(name, [*ours, *theirs])
    if found in ours:
        return _of_another_section(found, values)
    return _of_another_tool(found, theirs[found], values) if found else None


def _choice(section: KeyPath, values: dict[str, Any]) -> Advice:
    return Advice(f"remove it, or choose from {', '.join(keys_of_section(section, values))}")


def _named_paths(name: str | None = None) -> list[tuple[str, ...]]:
    """Return the paths of all keys, or of those that end in the folded `name`."""
    paths = [path for path in known_keys() if path and not {ANY, ITEM}.intersection(path)]
    return [path for path in paths if name is None or _folded(path[-1]) == name]


def _kinds(path: KeyPath, values: dict[str, Any]) -> str:
    """Return the kinds that a key needs and the recipe has not: `task.kind span_qa`."""
    needed = kinds_needed(path, values).items()
    return " and ".join(f"{dotted(section)}.kind {' or '.join(kinds)}" for section, kinds in needed)


def _closest(name: str, names: Iterable[str]) -> str:
    return next(iter(get_close_matches(name, [*names], n=1, cutoff=_CLOSE)), "")


def _folded(name: str) -> str:
    """Return the name without what people write differently: learning-rate, learningRate."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _listed(keys: Iterable[str]) -> str:
    *first, last = (f"`{key}`" for key in keys)
    return f"{', '.join(first)} or {last}" if first else last
