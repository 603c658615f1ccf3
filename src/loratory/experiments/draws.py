"""Points drawn by Optuna's samplers: each a function of the seed, its number and what is known.

A sampler is made anew for every point: a sweep that was killed goes on to the same points.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from loratory.recipe.streams import SEED_COUNT, stream_seed
from loratory.recipe.sweep import Range

Direction = Literal["minimize", "maximize"]
Param = bool | int | float | str | None

# Optuna announces every study and trial on its own; the sweep has its own words for them.
optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class Space:
    """What points are drawn from, as Optuna has it: values that are no scalars are JSON texts."""

    values: Mapping[str, Sequence[Any] | Range]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distribution of each key."""
        return {key: _distribution(values) for key, values in self.values.items()}

    def params(self, point: Mapping[str, Any]) -> dict[str, Param]:
        """Return a point as Optuna has it."""
        return {key: _param(value) for key, value in point.items()}

    def point(self, params: Mapping[str, Param]) -> dict[str, Any]:
        """Return the point that Optuna has as `params`."""
        return {key: self._value(key, param) for key, param in params.items()}

    def _value(self, key: str, param: Param) -> Any:
        values = self.values[key]
        if isinstance(values, Range):
            return param
        return next(value for value in values if _same(_param(value), param))


def drawn_point(space: Space, seed: int, number: int) -> dict[str, Any]:
    """Return point `number` (from 0) of a random search."""
    sampler = RandomSampler(seed=stream_seed(seed, "sweep", number) % SEED_COUNT)
    study = optuna.create_study(sampler=sampler)
    return space.point(study.ask(space.distributions).params)


def proposed_point(
    space: Space, seed: int, number: int, known: Sequence[FrozenTrial], *, direction: Direction
) -> dict[str, Any]:
    """Return point `number`, which a tree-structured Parzen estimator proposes after what is known.

    A trial that failed is none of the known ones, but has had a number: what is proposed after it
    is another point. Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".
    """
    sampler = TPESampler(seed=stream_seed(seed, "sweep", number) % SEED_COUNT)
    study = optuna.create_study(sampler=sampler, direction=direction)
    study.add_trials(known)
    return space.point(study.ask(space.distributions).params)


def _distribution(values: Sequence[Any] | Range) -> BaseDistribution:
    if not isinstance(values, Range):
        return CategoricalDistribution([_param(value) for value in values])
    low, high, step = values.low, values.high, values.step
    if isinstance(low, int) and isinstance(high, int) and not isinstance(step, float):
        return IntDistribution(low, high, log=values.log, step=step or 1)
    return FloatDistribution(low, high, log=values.log, step=step)


def _param(value: Any) -> Param:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json.dumps(value, sort_keys=True)


def _same(a: Param, b: Param) -> bool:
    return type(a) is type(b) and a == b
