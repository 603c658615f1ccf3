"""Loratory tunes small causal language models and tells the truth about the result.

    import loratory

    run = loratory.train("quickstart", {"training.epochs": 2})
    run.metrics["accuracy"], run.intervals["accuracy"]
    loratory.load(run.path).predict(["a quiet, lovely film"])

Importing the package loads nothing heavy; the functions do.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Loaded now, or the room would take the function's name when something imports it later.
import loratory.train  # noqa: F401 - it holds a docstring alone

if TYPE_CHECKING:
    from loratory.export.merge import Merged
    from loratory.inference.tuned import Tuned
    from loratory.methods.count import Counts
    from loratory.pipeline import Run

__all__ = ["load", "merge", "params", "resume", "train"]


def train(
    recipe: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    *,
    out: str | Path | None = None,
) -> "Run":
    """Run a recipe, a file or one that comes with the package, and return the finished run.

    Raises:
        LoratoryError: something a person can correct; the message says how.
    """
    from loratory.recipe.load import load_recipe

    settings = load_recipe(recipe, overrides)

    from loratory import pipeline

    return pipeline.train(settings, out=None if out is None else Path(out))


def resume(run: str | Path) -> "Run":
    """Go on with a run that was stopped, bit for bit, and return it finished."""
    from loratory import pipeline

    return pipeline.resume(Path(run))


def load(run: str | Path) -> "Tuned":
    """Return the tuned model of a finished run: `load(run).predict(["a text"])`."""
    from loratory.inference.tuned import load_run

    return load_run(run)


def merge(run: str | Path, out: str | Path, **settings: Any) -> "Merged":
    """Write a finished run as a plain transformers folder, once it is known to compute the same.

    `settings` are those of `loratory merge`: `rows`, `file` and `tolerance`.
    """
    from loratory.export.merge import merge_run

    return merge_run(Path(run), Path(out), **settings)


def params(recipe: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> "Counts":
    """Return how many parameters a recipe trains and leaves, part by part; none is loaded."""
    from loratory.recipe.load import load_recipe

    settings = load_recipe(recipe, overrides)

    from loratory.inference.parameters import recipe_counts

    return recipe_counts(settings)
