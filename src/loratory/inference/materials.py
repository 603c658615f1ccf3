"""What a run is made of: rows, the base, tokens; read for each run anew, or kept for the next."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from loratory.batching.rows import Encoding
from loratory.data.rows import Dataset
from loratory.inference.tuned import Tuned, untrained
from loratory.methods.trained import trained_parameters
from loratory.models.load import Base, load_base
from loratory.recipe.schema import PromptingMethod, Recipe
from loratory.tasks.given import given_rows, needs_steps

# Of rows and of tokens: with its second seed a sweep comes back to those of its first point, after
# those of all others.
_KEPT = 16

Kept = TypeVar("Kept")


class Materials:
    """Reads what a recipe names."""

    def rows(self, recipe: Recipe) -> tuple[Recipe, Dataset]:
        """Return what `given_rows` does."""
        return given_rows(recipe)

    def untrained(self, recipe: Recipe) -> Tuned:
        """Return what training starts from."""
        return untrained(recipe)

    def encodings(self, tuned: Tuned, dataset: Dataset) -> Mapping[str, Encoding]:
        """Return the rows of each split as tokens; training rows where something trains."""
        trains = bool(trained_parameters(tuned.base.network))
        return {
            split: tuned.task.encode(rows) if trains or split != "train" else Encoding((), ())
            for split, rows in dataset.splits.items()
        }

    def forget(self) -> None:
        """Free what is kept."""


class KeptMaterials(Materials):
    """Reads what a recipe names once, for several runs of one process.

    Every run gets a base of its own, copied from the one as it was loaded: the same bits as if it
    had been read again, and free to be changed.
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Recipe, Dataset]] = {}
        self._bases: dict[str, Base] = {}
        self._encodings: dict[str, Mapping[str, Encoding]] = {}

    def rows(self, recipe: Recipe) -> tuple[Recipe, Dataset]:
        """Return the rows, and the recipe with what it had left to them."""
        completed, dataset = _kept(
            self._rows, _rows_key(recipe), lambda: given_rows(recipe), most=_KEPT
        )
        return recipe.model_copy(update={"task": completed.task}), dataset

    def untrained(self, recipe: Recipe) -> Tuned:
        """Return what training starts from, its base a copy of the one that is kept."""
        return untrained(recipe, load=self._base)

    def encodings(self, tuned: Tuned, dataset: Dataset) -> Mapping[str, Encoding]:
        """Return the rows of each split as tokens; virtual tokens leave less room for them."""
        recipe = tuned.recipe
        trains = bool(trained_parameters(tuned.base.network))
        key = f"{_rows_key(recipe)} {tuned.base.digest} {tuned.base.positions} {trains}"
        encode = super().encodings
        return _kept(self._encodings, key, lambda: encode(tuned, dataset), most=_KEPT)

    def forget(self) -> None:
        """Free what is kept; it is read again if it is asked for."""
        self._rows.clear()
        self._bases.clear()
        self._encodings.clear()

    def _base(self, name: str, *, language_head: bool) -> Base:
        key = f"{name} {language_head}"
        base = _kept(self._bases, key, lambda: load_base(name, language_head=language_head), most=1)
        return replace(base, network=copy.deepcopy(base.network))


def _rows_key(recipe: Recipe) -> str:
    shown = ""
    if isinstance(recipe.method, PromptingMethod):
        shown = f"{recipe.method.model_dump_json()} {recipe.seed}"
    read_as = f"{recipe.data.model_dump_json()} {recipe.task.model_dump_json()}"
    return f"{read_as} {needs_steps(recipe)} {shown}"


def _kept(held: dict[str, Kept], key: str, make: Callable[[], Kept], *, most: int) -> Kept:
    """Return what is held under `key`, made first if there is none; the oldest makes room."""
    if key not in held:
        while len(held) >= most:
            del held[next(iter(held))]
        held[key] = make()
    return held[key]
