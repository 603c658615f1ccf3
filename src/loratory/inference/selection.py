"""Refuses, before a run begins, what it could not do once it is trained."""

from loratory.errors import ConfigError
from loratory.inference.tuned import Tuned
from loratory.recipe.schema import Recipe


def refuse_sweep(recipe: Recipe) -> None:
    """Refuse a recipe that is about many runs."""
    if recipe.sweep is not None:
        raise ConfigError(
            "CFG-SWEEP",
            "the recipe describes a sweep, not one run",
            at="sweep",
            fix="run it with `loratory sweep`, or take the section away with sweep=null",
        )


def require_metric(tuned: Tuned, metric: str, *, at: str) -> None:
    """Refuse a metric that the task does not have.

    Raises:
        ConfigError: CFG-UNKNOWN, naming those it has.
    """
    if metric not in tuned.task.metrics:
        raise ConfigError(
            "CFG-UNKNOWN",
            "the task has no such metric",
            at=at,
            got=metric,
            expected=" or ".join(tuned.task.metrics),
            fix="name one of these metrics",
        )


def check_selection(tuned: Tuned, *, has_validation: bool) -> None:
    """Refuse a selection that could not be made once training is done."""
    training = tuned.recipe.training
    if training.select is not None:
        require_metric(tuned, training.select, at="training.select")
    for key, value in (("select", training.select), ("patience", training.patience)):
        if value is not None and not has_validation:
            raise ConfigError(
                "CFG-VALUE",
                f"{key} needs validation rows, and there are none",
                at=f"training.{key}",
                fix="set data.validation or data.holdout.validation, or leave the setting out",
            )
