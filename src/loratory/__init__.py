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

# Loaded now, or the rooms would take the functions' names when something imports them later.
import loratory.export  # they hold a docstring alone
import loratory.train  # noqa: F401

if TYPE_CHECKING:
    from loratory.experiments.search import Found
    from loratory.experiments.sweep import SweepRun
    from loratory.export.export import ExportTo
    from loratory.export.merge import Merged
    from loratory.export.quantize import Quantised
    from loratory.inference.tuned import Tuned
    from loratory.methods.count import Counts
    from loratory.pipeline import Run
    from loratory.report.comparison import Comparison

__all__ = [
    "compare",
    "export",
    "load",
    "merge",
    "params",
    "quantize",
    "resume",
    "search",
    "sweep",
    "train",
]


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


def sweep(
    recipe: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    *,
    out: str | Path | None = None,
    **effort: Any,
) -> "SweepRun":
    """Train with every choice of settings that a recipe's sweep section names; return the table.

    `effort` are budget (seconds), trials, workers and on, as those of `loratory sweep`.
    """
    from loratory.recipe.load import load_recipe

    settings = load_recipe(recipe, overrides)

    from loratory.experiments import plan, sweep

    plan.check_overrides(settings, overrides)
    where = None if out is None else Path(out)
    return sweep.sweep(settings, out=where, effort=sweep.Effort(**effort))


def search(
    recipe: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    *,
    budget: float,
    out: str | Path | None = None,
) -> "Found":
    """Find the best method for the rows of a recipe within `budget` seconds."""
    from loratory.recipe.load import load_recipe

    settings = load_recipe(recipe, overrides)

    from loratory.experiments.search import search

    return search(settings, budget, out=None if out is None else Path(out))


def load(run: str | Path) -> "Tuned":
    """Return the tuned model of a finished run, or of a folder that one was exported to.

    `load(run).predict(["a text"])`.
    """
    from loratory.inference.opened import open_model

    return open_model(run)


def merge(run: str | Path, out: str | Path, **settings: Any) -> "Merged":
    """Write a finished run as a plain transformers folder, once it is known to compute the same.

    `settings` are those of `loratory merge`: `rows`, `file` and `tolerance`.
    """
    from loratory.export.merge import merge_run

    return merge_run(Path(run), Path(out), **settings)


def export(run: str | Path, to: "ExportTo", out: str | Path, **settings: Any) -> "Merged":
    """Write a finished run for others to load, `to` one of the kinds of `loratory export`.

    `settings` are those of `loratory export`: `rows` and `file`.
    """
    from loratory.export.export import export_run

    return export_run(Path(run), Path(out), to=to, **settings)


def quantize(
    run: str | Path,
    out: str | Path,
    *,
    to: str | Mapping[str, Any] | None = None,
    **settings: Any,
) -> "Quantised":
    """Write a finished run in whole numbers: as it was trained for, or as `to` says.

    `to` is "int8", "int4" or a recipe's section, such as {"kind": "int4", "group_size": 64};
    `settings` are those of `loratory quantize`: `rows` and `file`.
    """
    from loratory.recipe.quantization import section_of

    section = None if to is None else section_of(to, at="to")

    from loratory.export.quantize import quantize_run

    return quantize_run(Path(run), Path(out), section=section, **settings)


def params(recipe: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> "Counts":
    """Return how many parameters a recipe trains and leaves, part by part; none is loaded."""
    from loratory.recipe.load import load_recipe

    settings = load_recipe(recipe, overrides)

    from loratory.inference.parameters import recipe_counts

    return recipe_counts(settings)


def compare(
    runs: Sequence[str | Path],
    *,
    split: str | None = None,
    metric: str | None = None,
    each: bool = False,
) -> "Comparison":
    """Return how good finished runs are on the same rows, and which can be told apart.

    As `loratory compare`: `found.entries` best first, `found.pairs`, `found.to_json()`.
    """
    from loratory.experiments.compare import compare as compared

    return compared(runs, split=split, metric=metric, each=each)
