"""The trials of a sweep: points of settings, every one with every seed, all checked beforehand.

Trials are numbered seed by seed: with P points, trial n is point n mod P with seed number n div P,
so that a sweep that ends early has seen every point once before it sees one twice.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, assert_never

from loratory.errors import ConfigError, reworded
from loratory.experiments.draws import Space, drawn_point
from loratory.recipe.load import varied
from loratory.recipe.overrides import apply_overrides
from loratory.recipe.schema import Recipe
from loratory.recipe.settings import Settings
from loratory.recipe.sweep import (
    GridSweep,
    PointsSweep,
    RandomSweep,
    Range,
    SweepSection,
    TpeSweep,
    in_words,
)

MOST_TRIALS = 1000

Point = dict[str, Any]
"""Values by key, such as `method.r`."""

_NOT_SWEPT = ("name", "sweep")


@dataclass(frozen=True)
class Plan:
    """What a sweep tries."""

    recipe: Recipe
    """What all trials have in common, and the sweep section."""

    points: tuple[Point, ...] | None
    """The points in order; None where each follows from the results before it."""

    count: int
    """Points there will be."""

    seeds: tuple[int, ...]

    @property
    def trials(self) -> int:
        """How many runs the whole sweep is."""
        return self.count * len(self.seeds)

    @property
    def sweep(self) -> SweepSection:
        """The sweep section."""
        assert self.recipe.sweep is not None
        return self.recipe.sweep

    def place(self, number: int) -> tuple[int, int]:
        """Return the number of the point and the seed of a trial."""
        return number % self.count, self.seeds[number // self.count]

    def first(self) -> Recipe:
        """Return the recipe of the first trial, as far as it is known before there are results."""
        return self.run({} if self.points is None else self.points[0], self.seeds[0])

    def run(self, point: Mapping[str, Any], seed: int) -> Recipe:
        """Return the recipe of one trial; test rows are left for the end of it all.

        Raises:
            ConfigError: the point's settings are no run's.
        """
        # A section before the keys inside it, in whatever order they are swept: it replaces them.
        sections_first = dict(sorted(point.items(), key=lambda item: item[0].count(".")))
        last = {"seed": seed, "data.splits": ["train", "validation"]}
        return varied(self.recipe, {**sections_first, **last})


def make_plan(recipe: Recipe) -> Plan:
    """Return the trials that the recipe's sweep section describes, once each is known to be a run.

    Raises:
        ConfigError: CFG-SWEEP, when there is nothing to try, or too much, or one thing twice; and
            whatever the settings of a point are refused for.
    """
    sweep = recipe.sweep
    if sweep is None:
        raise _refused(
            "the recipe has no sweep section",
            "add one, such as the one of `loratory sweep sweeps/rotten_tomatoes_rank_alpha`, or "
            "use `loratory train`",
        )
    _check_keys(sweep)
    seeds = sweep.seeds if sweep.seeds is not None else (recipe.seed,)
    count = _count(sweep)
    if not seeds:
        raise _refused("the list of seeds is empty", "name a seed, or leave seeds out", "seeds")
    if len({*seeds}) < len(seeds):
        raise _refused("a seed is there twice", "name each seed once", "seeds")
    if count * len(seeds) > MOST_TRIALS:
        raise _refused(
            f"the sweep has {count * len(seeds):,} trials, limit {MOST_TRIALS:,}",
            "name fewer values, or use kind: random with trials: 50",
        )
    points = _points(recipe, sweep)
    plan = Plan(recipe, points, count, seeds)
    checked = _star(sweep) if points is None else iter(points)
    _check_points(plan, checked)
    return plan


def check_overrides(recipe: Recipe, overrides: Sequence[str] | Mapping[str, Any]) -> None:
    """Refuse an override of what the sweep sets itself.

    Raises:
        ConfigError: CFG-SWEEP, naming the key.
    """
    if recipe.sweep is None:
        return
    given = [text.partition("=")[0].strip() for text in overrides]
    settings = Settings({}, {})
    apply_overrides(settings, overrides)
    swept = {*_keys(recipe.sweep)} | ({"seed"} if recipe.sweep.seeds is not None else set())
    for key in given:
        for other in swept:
            within = key == other or key.startswith(f"{other}.")
            if within or (other.startswith(f"{key}.") and _holds(settings.values, other)):
                raise ConfigError(
                    "CFG-SWEEP",
                    f"{other if other.startswith(key) else key} is both swept and set",
                    at=f"command line: {key}",
                    fix=f"leave {key} out, or take {other} out of the sweep",
                )


def _holds(values: Any, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def _points(recipe: Recipe, sweep: SweepSection) -> tuple[Point, ...] | None:
    match sweep:
        case GridSweep():
            grid = product(*sweep.values.values())
            combinations = [dict(zip(sweep.values, values, strict=True)) for values in grid]
            return (*(combinations if sweep.values else ()), *sweep.also)
        case PointsSweep():
            return sweep.points
        case RandomSweep():
            space = Space(sweep.values)
            return tuple(drawn_point(space, recipe.seed, n) for n in range(sweep.trials))
        case TpeSweep():
            return None
        case _:
            assert_never(sweep)


def _count(sweep: SweepSection) -> int:
    match sweep:
        case GridSweep():
            combinations = prod(map(len, sweep.values.values())) if sweep.values else 0
            return combinations + len(sweep.also)
        case PointsSweep():
            return len(sweep.points)
        case RandomSweep() | TpeSweep():
            return sweep.trials
        case _:
            assert_never(sweep)


def _keys(sweep: SweepSection) -> list[str]:
    match sweep:
        case GridSweep():
            return [*sweep.values, *(key for point in sweep.also for key in point)]
        case PointsSweep():
            return [key for point in sweep.points for key in point]
        case RandomSweep() | TpeSweep():
            return [*sweep.values]
        case _:
            assert_never(sweep)


def _check_keys(sweep: SweepSection) -> None:
    keys = _keys(sweep)
    if not keys:
        raise _refused("the sweep is empty", "name at least one key with its values")
    _check_values(sweep)
    for key in keys:
        if key.split(".")[0] in _NOT_SWEPT:
            raise _refused(f"{key} cannot be swept", f"take {key} out of the sweep")
        if key == "data.splits":
            raise _refused(
                "every trial trains on the training rows and is compared on the validation rows",
                "take data.splits out of the sweep",
            )
        if key == "seed":
            raise _refused("seeds are no setting to choose", "use sweep.seeds, and take seed out")


def _check_values(sweep: SweepSection) -> None:
    if not isinstance(sweep, PointsSweep):
        for key, values in sweep.values.items():
            if values == ():
                raise _refused(
                    f"the list of values of {key} is empty", "name at least one", f"values.{key}"
                )
            if isinstance(values, tuple):
                _refuse_no_numbers(values, f"values.{key}")
                _refuse_repeats([{key: value} for value in values], f"values.{key}")


def _refuse_no_numbers(values: Sequence[Any], where: str) -> None:
    try:
        json.dumps(values, allow_nan=False)
    except ValueError:
        raise _refused("one of the values is not finite", "write a number that is", where) from None


def _refuse_repeats(points: Sequence[Point], where: str) -> None:
    seen: set[str] = set()
    for point in points:
        text = json.dumps(point, sort_keys=True)
        if text in seen:
            raise _refused(f"{in_words(point)} is there twice", "remove one of the two", where)
        seen.add(text)


def _check_points(plan: Plan, points: Iterator[Point]) -> None:
    for number, point in enumerate(points):
        if not point:
            raise _refused(f"point {number} sets nothing", "name a key and a value")
        try:
            plan.run(point, plan.seeds[0])
        except ConfigError as error:
            at = f"sweep, point {in_words(point)}: {error.at}"
            raise reworded(error, ConfigError, at=at) from None
    if plan.points is not None and not isinstance(plan.sweep, RandomSweep):
        _refuse_repeats(plan.points, "points")


def _star(sweep: SweepSection) -> Iterator[Point]:
    """Yield points that between them have every value and every bound."""
    assert isinstance(sweep, TpeSweep)
    every = {
        key: (values.low, values.high) if isinstance(values, Range) else values
        for key, values in sweep.values.items()
    }
    first = {key: values[0] for key, values in every.items()}
    for key, values in every.items():
        for value in values:
            yield {**first, key: value}


def _refused(problem: str, fix: str, key: str = "") -> ConfigError:
    return ConfigError("CFG-SWEEP", problem, at=f"sweep.{key}".rstrip("."), fix=fix)
