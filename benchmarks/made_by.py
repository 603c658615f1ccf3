"""The command that a kept run or sweep was made by: a recipe's name, and what was changed of it."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from loratory.recipe.load import load_recipe, recipe_of
from loratory.recipe.schema import Section
from loratory.recipe.shipped import shipped_recipes
from loratory.recipe.yaml_scalar import resolved_scalar

_LEFT_OUT = {
    *("name", "seed", "track"),
    *("training.threads", "training.device", "training.micro_batch_tokens"),
}
_FILLED_IN = {"task.labels", "sweep.metric"}
"""What a run's recipe has from its data, or from its task, where it was left out."""
_STANDS_FOR = {"data.dir": "FOLDER"}
"""What is shown in the place of a folder of one machine."""
_NOT_PLAIN = ("[", "{", '"', "'")


def made_by(recipe: Mapping[str, Any], command: str = "train") -> str:
    """Return the command that a kept recipe follows from, or say why there is none to repeat.

    The kept recipe is compared with the one of its name that comes with the package, as that is
    today; a key that it was kept without has today's default.
    """
    if not recipe:
        return "a recipe that was not kept"
    shipped = {path.stem: name for name, path in shipped_recipes().items()}
    name = shipped.get(recipe["name"])
    if name is None:
        return "a recipe that does not come with Loratory"
    ran = recipe_of(recipe["name"], recipe)
    changed = _changes(ran, load_recipe(name), ran.model_dump(mode="json"))
    words = (shlex.quote(f"{key}={_written(_STANDS_FOR.get(key, held))}") for key, held in changed)
    return f"`{' '.join(('loratory', command, name, *words))}`"


def _changes(
    ran: Section, shipped: Section, values: dict[str, Any], within: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield key and value where `ran`, whose plain values are `values`, is not as `shipped`."""
    for field, held in ran:
        key, usual = f"{within}{field}", getattr(shipped, field)
        if held == usual or key in _LEFT_OUT or (key in _FILLED_IN and usual is None):
            continue
        if isinstance(held, Section) and type(held) is type(usual):
            yield from _changes(held, usual, values[field], f"{key}.")
        else:
            yield key, _short(held, values[field])


def _short(held: Any, value: Any) -> Any:
    """Return the plain value of a setting; a section's, without what it leaves to defaults."""
    if not isinstance(held, Section):
        return value
    defaults = {field: known.default for field, known in type(held).model_fields.items()}
    return {
        field: _short(inner, value[field])
        for field, inner in held
        if field == "kind" or inner != defaults[field]
    }


def _written(value: Any) -> str:
    """Return a value as it stands behind KEY=."""
    if isinstance(value, str) and _is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False).removesuffix(".0")


def _is_plain(text: str) -> bool:
    """Tell whether a text means itself without quotes."""
    is_bare = text.isprintable() and text == text.strip() and not text.startswith(_NOT_PLAIN)
    return is_bare and resolved_scalar(text) == text
