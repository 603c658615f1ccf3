"""What a search tries: the methods that come with the package, from settings known to be good."""

from collections.abc import Sequence
from typing import Any

from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe, varied
from loratory.recipe.schema import Recipe
from loratory.recipe.shipped import shipped_recipes

Point = dict[str, Any]

RATE, EPOCHS = "training.learning_rate", "training.epochs"

_FOLDER = "methods/"
# Time may not suffice for all: what is cheap or has often been best comes first.
_FIRST = ("lora", "head", "loraplus", "rslora", "bitfit", "pissa", "ia3", "pfeiffer", "houlsby")
_OTHER_RATES = (0.5, 2.0)
_OTHER_EPOCHS = (2, 3)


def methods(recipe: Recipe) -> list[Point]:
    """Return one point for each method, those that are no run of the recipe's task left out."""
    names = [name.removeprefix(_FOLDER) for name in shipped_recipes() if name.startswith(_FOLDER)]
    order = sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    points = []
    for name in order:
        known = load_recipe(f"{_FOLDER}{name}")
        method = known.method.model_dump(mode="json", exclude_unset=True)
        point: Point = {"method": method, RATE: known.training.learning_rate}
        if _is_run(recipe, point):
            points.append(point)
    return points


def other_rates(points: Sequence[Point]) -> list[Point]:
    """Return the points, then the same with half and with twice their learning rate."""
    return [
        {**point, RATE: float(f"{point[RATE] * factor:.3g}")}
        for factor in (1.0, *_OTHER_RATES)
        for point in points
    ]


def more_epochs(points: Sequence[Point], epochs: int) -> list[Point]:
    """Return the points with so many epochs, then with two and three times as many."""
    return [
        {**point, EPOCHS: epochs * factor} for factor in (1, *_OTHER_EPOCHS) for point in points
    ]


def _is_run(recipe: Recipe, point: Point) -> bool:
    try:
        varied(recipe, point)
    except ConfigError:
        return False
    return True
