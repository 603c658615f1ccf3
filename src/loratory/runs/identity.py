"""What a run was made of: a resumed run must find the same, or say what is different."""

from collections.abc import Mapping
from typing import Any

from loratory.errors import RunError
from loratory.recipe.schema import Recipe

# What decides about the result and is no digest of its own, as base and data are.
_DECISIVE = {"task", "method", "distillation", "quantization", "training", "seed"}
# Where these differ the run goes on, but no longer bit for bit as it would have.
_EXACTNESS = ("versions", "processor", "gpu", "compute")


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that a run cannot change on its way: `training.batch_size` to 16."""
    found: dict[str, Any] = {}
    for section, value in recipe.model_dump(mode="json", include=_DECISIVE).items():
        if isinstance(value, dict):
            found |= {f"{section}.{key}": inner for key, inner in value.items()}
        else:
            found[section] = value
    return found


def require_same(before: Mapping[str, Any], now: Mapping[str, Any], *, at: str) -> None:
    """Refuse to go on with other settings, other data, another base or another start.

    Raises:
        RunError: RUN-MISMATCH, naming what has changed.
    """
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            raise RunError(
                "RUN-MISMATCH",
                f"the {name} is not what the run began with",
                at=at,
                got=now.get(name),
                expected=f"{before.get(name)}",
                fix=f"put the {name} back as it was, or start a new run",
            )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each difference that keeps the rest from being bit for bit the same."""
    return [
        f"resumed with another {name} ({before.get(name)} before, {now.get(name)} now): the run "
        "goes on, but not bit for bit as it would have"
        for name in _EXACTNESS
        if before.get(name) != now.get(name)
    ]
