"""The sweep section: which settings to try, in what order, and when to give up on a trial.

A point is one choice of settings; a trial is a point with a seed, and an ordinary run.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag, model_validator
from pydantic.json_schema import WithJsonSchema

from loratory.recipe.section import Number, Section, Whole, kind_or
from loratory.recipe.streams import SEED_COUNT

Value = Annotated[Any, WithJsonSchema({"type": "any"})]
"""What the recipe's own schema checks once it stands in its place."""

Bound = StrictInt | Number
Point = dict[StrictStr, Value]
Seeds = Annotated[
    tuple[Annotated[StrictInt, Field(ge=0, lt=SEED_COUNT)], ...] | None,
    Field(description="Seeds that every point is trained with; absent: the recipe's own."),
]
Metric = Annotated[
    StrictStr | None,
    Field(description="Validation metric to compare by; absent: the one that selects checkpoints."),
]
Factor = Annotated[StrictInt, Field(ge=2)]

_LONG = 40  # characters of a value in a few words


def in_words(settings: Mapping[str, Any]) -> str:
    """Return settings in a few words: `r=8 lora_alpha=16`."""
    return " ".join(f"{key.rpartition('.')[2]}={shown(value)}" for key, value in settings.items())


def shown(value: Any) -> str:
    """Return the value of a setting in a few words."""
    match value:
        case dict():
            rest = {key: held for key, held in value.items() if key != "kind"}
            return " ".join(filter(None, [value.get("kind"), in_words(rest)]))
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            text = " ".join(str(value).split())
            if len(text) <= _LONG:
                return text
            # Of a path it is the end that tells.
            return f"…{text[1 - _LONG :]}" if text.startswith("/") else f"{text[: _LONG - 1]}…"


class Range(Section):
    """Numbers between two bounds, both included; whole ones, if both bounds are whole."""

    low: Bound
    """Smallest number."""

    high: Bound
    """Largest number."""

    log: StrictBool = False
    """Draw evenly on a logarithmic scale."""

    step: Bound | None = None
    """Distance of the numbers from each other."""

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) is not below high ({self.high}); exchange them")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic scale has no {self.low}; set low above 0")
        if self.step is not None and (self.log or self.step <= 0):
            raise ValueError("step is a distance above 0, on a linear scale; leave log or step out")
        if self.step is not None and self._rest(self.step):
            raise ValueError(
                f"steps of {self.step} from low ({self.low}) do not come to high ({self.high}); "
                "set step to one that divides the distance, or another high"
            )
        return self

    def _rest(self, step: float) -> Decimal:
        # As they are written: of 0.1 three times are 0.3.
        low, high, distance = (Decimal(str(number)) for number in (self.low, self.high, step))
        return (high - low) % distance


class HalvingPrune(Section):
    """Asynchronous successive halving: at each rung the best go on (arXiv:1810.05934)."""

    kind: Literal["halving"] = "halving"

    min_resource: Whole = 1
    """Evaluations on the validation rows before the first rung."""

    reduction_factor: Factor = 3
    """One of so many goes on, and so many times as many evaluations lie before the next rung."""


class HyperbandPrune(Section):
    """Several successive halvings that begin at different rungs (arXiv:1603.06560)."""

    kind: Literal["hyperband"] = "hyperband"

    min_resource: Whole = 1
    """Evaluations on the validation rows before the first rung."""

    max_resource: Whole | None = None
    """Evaluations of a whole run; absent: those of the first that finishes."""

    reduction_factor: Factor = 3
    """One of so many goes on."""

    @model_validator(mode="after")
    def _resources_are_in_order(self) -> Self:
        if self.max_resource is not None and self.max_resource < self.min_resource:
            raise ValueError(
                f"max_resource ({self.max_resource}) is below min_resource ({self.min_resource}), "
                "and no trial would ever be given up; exchange them"
            )
        return self


PruneSection = Annotated[
    Annotated[HalvingPrune, Tag("halving")] | Annotated[HyperbandPrune, Tag("hyperband")],
    Discriminator(kind_or("halving")),
]
Prune = Annotated[
    PruneSection | None,
    Field(description="When to stop a trial that falls behind others; absent: never."),
]


Choices = Annotated[
    Annotated[tuple[Value, ...], Tag("list")] | Annotated[Range, Tag("range")],
    Discriminator(lambda given: "list" if isinstance(given, list | tuple) else "range"),
]


class GridSweep(Section):
    """Every combination of the values."""

    kind: Literal["grid"] = "grid"

    values: dict[StrictStr, tuple[Value, ...]]
    """The values of each key, such as method.r: [4, 8]."""

    also: tuple[Point, ...] = ()
    """Further points, each {KEY: VALUE}."""

    seeds: Seeds = None
    prune: Prune = None
    metric: Metric = None


class PointsSweep(Section):
    """The points that are listed."""

    kind: Literal["points"] = "points"

    points: tuple[Point, ...]
    """Points, each {KEY: VALUE}."""

    seeds: Seeds = None
    prune: Prune = None
    metric: Metric = None


class RandomSweep(Section):
    """Points drawn at random, from the recipe's seed."""

    kind: Literal["random"] = "random"

    values: dict[StrictStr, Choices]
    """For each key a list to choose from, or a range {low, high, log, step}."""

    trials: Whole
    """Points to draw."""

    seeds: Seeds = None
    prune: Prune = None
    metric: Metric = None


class TpeSweep(Section):
    """Points proposed by a tree-structured Parzen estimator from those before (NIPS 2011)."""

    kind: Literal["tpe"] = "tpe"

    values: dict[StrictStr, Choices]
    """For each key a list to choose from, or a range {low, high, log, step}."""

    trials: Whole
    """Points to propose; the first ten are random."""

    seeds: Seeds = None
    prune: Prune = None
    metric: Metric = None


SweepSection = Annotated[
    Annotated[GridSweep, Tag("grid")]
    | Annotated[PointsSweep, Tag("points")]
    | Annotated[RandomSweep, Tag("random")]
    | Annotated[TpeSweep, Tag("tpe")],
    Discriminator(kind_or("grid")),
]
