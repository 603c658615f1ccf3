"""What a search tries: a recipe's own method, and the others from settings known to be good."""

import json
from collections.abc import Sequence
from typing import Any

from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe, varied
from loratory.recipe.schema import NoMethod, PromptingMethod, Recipe
from loratory.recipe.shipped import shipped_recipes

Point = dict[str, Any]

RATE, EPOCHS = "training.learning_rate", "training.epochs"

_FOLDER = "methods/"
# Time may not suffice for all: what is cheap or has often been best comes first.
_FIRST = ("lora", "head", "loraplus", "rslora", "bitfit", "pissa", "ia3", "pfeiffer", "houlsby")
_OTHER_RATES = (0.5, 2.0)
_OTHER_EPOCHS = (2, 3)


def methods(recipe: Recipe) -> list[Point]:
    """Return the recipe's own method, if it names one that trains, then one point for each method.

    Those that are no run of the recipe's task are left out.
    """
    names = [name.removeprefix(_FOLDER) for name in shipped_recipes() if name.startswith(_FOLDER)]
    order = sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    named = "method" in recipe.model_fields_set
    trains = not isinstance(recipe.method, NoMethod | PromptingMethod)
    known = [load_recipe(f"{_FOLDER}{name}") for name in order]
    points: dict[str, Point] = {}
    for one in [recipe, *known] if named and trains else known:
        point = _point(one)
        if _is_run(recipe, point):
            # What is the same once defaults are written out is the same point.
            points.setdefault(f"{one.method.model_dump_json()} {point[RATE]}", point)
    return [*points.values()]


def other_rates(points: Sequence[Point]) -> list[Point]:
    """Return the points, then the same with half and with twice their learning rate, each once."""
    rates = (
        {**point, RATE: float(f"{point[RATE] * factor:.3g}")}
        for factor in (1.0, *_OTHER_RATES)
        for point in points
    )
    return [*{json.dumps(point, sort_keys=True): point for point in rates}.values()]


def more_epochs(points: Sequence[Point], epochs: int) -> list[Point]:
    """Return the points with so many epochs, then with two and three times as many."""
    return [
        {**point, EPOCHS: epochs * factor} for factor in (1, *_OTHER_EPOCHS) for point in points
    ]


def _point(recipe: Recipe) -> Point:
    method = recipe.method.model_dump(mode="json", exclude_unset=True)
    kind_first = {"kind": recipe.method.kind, **method}
    return {"method": kind_first, RATE: recipe.training.learning_rate}


def _is_run(recipe: Recipe, point: Point) -> bool:
    try:
        varied(recipe, point)
    except ConfigError:
        return False
    return True
