"""For a key that there is not: the key that was meant, here or in another section."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from loratory.recipe.known_keys import ITEM, keys_of_section, known_keys
from loratory.recipe.other_names import NOT_IN_A_RECIPE, OUR_KEYS, REMARKS
from loratory.recipe.settings import KeyPath, dotted

_CLOSE = 0.75


class Advice(NamedTuple):
    """What to do about an unknown key, and the keys that may have been meant."""

    fix: str
    meant: tuple[str, ...] = ()


def advice_for(path: KeyPath) -> Advice:
    """Return what to do about the unknown key at `path`."""
    section, written = path[:-1], str(path[-1])
    name = _folded(written.rpartition(".")[2])
    return (
        _of_this_section(section, name, close=False)
        or _of_another_section(name)
        or _of_another_tool(name, written)
        or _of_this_section(section, name, close=True)
        or _misspelt(name)
        or _choice(section)
    )


def _of_this_section(section: KeyPath, name: str, *, close: bool) -> Advice | None:
    keys = {_folded(key): key for key in keys_of_section(section)}
    found = _closest(name, keys) if close else name
    if found not in keys:
        return None
    key = dotted((*section, keys[found]))
    return Advice(f"did you mean `{keys[found]}`?", (key,))


def _of_another_section(name: str) -> Advice | None:
    paths = [path for path in _named_paths() if _folded(path[-1]) == name]
    if not paths:
        return None
    keys = tuple(dotted(path) for path in paths)
    if len(paths) > 1 or len(paths[0]) == 1:
        return Advice(f"did you mean {_listed(keys)}?", keys)
    (path,) = paths
    return Advice(f"`{path[-1]}` belongs under `{dotted(path[:-1])}`: write {keys[0]}", keys)


def _of_another_tool(name: str, written: str) -> Advice | None:
    for theirs, ours in OUR_KEYS.items():
        if _folded(theirs) == name:
            remark = f" ({REMARKS[theirs]})" if theirs in REMARKS else ""
            return Advice(f"{dotted((written,))} is called `{ours}` here{remark}", (ours,))
    for theirs, advice in NOT_IN_A_RECIPE.items():
        if _folded(theirs) == name:
            return Advice(advice)
    return None


def _misspelt(name: str) -> Advice | None:
    ours = {_folded(path[-1]): path[-1] for path in _named_paths()}
    theirs = {_folded(other): other for other in (*OUR_KEYS, *NOT_IN_A_RECIPE)}
    found = _closest(name, [*ours, *theirs])
    if found in ours:
        return _of_another_section(found)
    return _of_another_tool(found, theirs[found]) if found else None


def _choice(section: KeyPath) -> Advice:
    return Advice(f"remove it, or choose from {', '.join(keys_of_section(section))}")


def _named_paths() -> list[tuple[str, ...]]:
    return [path for path in known_keys() if path and ITEM not in path]


def _closest(name: str, names: Iterable[str]) -> str:
    return next(iter(get_close_matches(name, [*names], n=1, cutoff=_CLOSE)), "")


def _folded(name: str) -> str:
    """Return the name without what people write differently: learning-rate, learningRate."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _listed(keys: Iterable[str]) -> str:
    *first, last = (f"`{key}`" for key in keys)
    return f"{', '.join(first)} or {last}" if first else last
