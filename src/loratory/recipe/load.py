"""From a recipe's file or name, and overrides, to the checked settings of a run; and back.

Paths in a recipe (`data.dir`, `data.train`, a `base` such as ./folder) are relative to the current
directory, wherever the recipe itself lies: in a file they mean what they mean on the command line.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from loratory.errors import ConfigError
from loratory.recipe.explain import explain
from loratory.recipe.overrides import apply_overrides
from loratory.recipe.schema import ClassifyTask, Recipe
from loratory.recipe.settings import COMMAND_LINE, UNPRINTABLE, Settings
from loratory.recipe.shipped import recipe_file
from loratory.recipe.yaml_file import read_yaml_file
from loratory.recipe.yaml_nodes import MOST_CHARACTERS
from loratory.recipe.yaml_scalar import resolved_scalar


def load_recipe(source: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """Return the run that a recipe describes once the overrides have changed it.

    `source` is a path, or the name of a recipe that comes with the package. Overrides are texts
    such as `training.epochs=3`, or a mapping from such keys to values. A recipe without a name is
    named after its file.

    Raises:
        ConfigError: the recipe or an override is wrong; one error tells of every mistake.
    """
    file = recipe_file(source)
    settings = _settings(file)
    apply_overrides(settings, overrides)
    if settings.values.get("name") is None:
        settings.values["name"] = _run_name(file.stem)
    return _checked(settings)


def recipe_for(base: str, method: str, overrides: Sequence[str] = ()) -> Recipe:
    """Return a recipe that is about a base and a method of some kind, and not about any rows.

    The task is plain text, and the data a file that nothing may read, unless overrides name others.

    Raises:
        ConfigError: as `load_recipe`; or a task's classes are neither named nor in any data.
    """
    settings = Settings(
        {"base": base, "method": {"kind": method}},
        {("base",): COMMAND_LINE, ("method", "kind"): COMMAND_LINE},
    )
    apply_overrides(settings, overrides)
    is_about_rows = "data" in settings.values
    settings.values.setdefault("task", {"kind": "text"})
    settings.values.setdefault("data", {"train": "no rows"})
    recipe = _checked(settings)
    if isinstance(recipe.task, ClassifyTask) and not recipe.task.labels and not is_about_rows:
        raise ConfigError(
            "CFG-MISSING",
            "how many classes there are is said nowhere",
            at=f"{COMMAND_LINE}task.labels",
            expected="the class names, or data that has them",
            fix="add task.labels=[negative,positive], or data.train=FILE",
        )
    return recipe


def recipe_of(name: str, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe that `values`, by key, describe; its name is made of letters of `name`.

    Raises:
        ConfigError: as `load_recipe`.
    """
    settings = Settings({"name": _run_name(name)}, {})
    apply_overrides(settings, values)
    return _checked(settings)


def varied(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return the one run that a recipe describes once `changes`, by key, are made to it.

    What the recipe leaves to defaults follows the changes: another kind of method has its own.

    Raises:
        ConfigError: as `load_recipe`.
    """
    written = recipe.model_dump(mode="json", exclude_unset=True, exclude={"sweep"})
    settings = Settings(written, {})
    apply_overrides(settings, changes)
    return _checked(settings)


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as YAML, every default written out; a named one loads as the same again."""
    return _yaml(recipe.model_dump(mode="json"))


def dump_written(recipe: Recipe) -> str:
    """Return the recipe as YAML, without what it leaves to defaults."""
    return _yaml(recipe.model_dump(mode="json", exclude_unset=True))


class _Representer(SafeRepresenter):
    """Quotes every text that would be read as something else."""


def _text(representer: SafeRepresenter, text: str) -> ScalarNode:
    # ruamel.yaml quotes what it would read as a number itself, and escapes between " alone.
    is_plain = resolved_scalar(text) == text and not UNPRINTABLE.search(text)
    style = None if is_plain else '"'
    node: ScalarNode = representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Representer.add_representer(str, _text)


def _yaml(values: dict[str, Any]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # annotated None
    yaml.width = MOST_CHARACTERS  # ruamel.yaml changes long text where it folds it
    text = io.StringIO()
    yaml.dump(values, text)
    return text.getvalue()


def _checked(settings: Settings) -> Recipe:
    try:
        # As JSON, because strict checking then takes lists for tuples, yet no `true` for 1.
        return Recipe.model_validate_json(json.dumps(settings.values), strict=True)
    except ValidationError as error:
        raise explain(error, settings) from None


def _settings(file: Path) -> Settings:
    source = str(file).encode("utf-8", "backslashreplace").decode("utf-8")
    read = read_yaml_file(file, source)
    return Settings(read.values, {path: f"{source}:{line} " for path, line in read.lines.items()})


def _run_name(stem: str) -> str:
    """Return the file's stem as a name of letters, digits and . _ - alone."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")
    return name[:64] or "run"
