"""The training loop, the only one.

It yields after every optimiser step; whoever calls it logs, evaluates, saves and stops.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan
from typing import Any, NamedTuple

import torch
from torch import nn

from loratory.batching.flat import flatten
from loratory.batching.plan import groups_of, micro_batches, step_rows, steps_per_epoch
from loratory.batching.rows import EncodedRow, total_tokens
from loratory.errors import NumericsError
from loratory.losses import RowLosses
from loratory.methods.trained import trained_parameters
from loratory.models.network import Network
from loratory.recipe.schema import TrainingSection
from loratory.recipe.streams import stream_seed
from loratory.tasks.task import Objective
from loratory.train.optimizer import learning_rate

_LAYER = re.compile(r"\.(\d+)\.")
_LAYER_GROUPS = 3


class Example(NamedTuple):
    """How one encoded row stood when it was learned from."""

    number: int
    """Of the row within the plan's rows."""

    loss: float
    """Mean of -log p(target), in nats."""

    confidence: float
    """Mean of p(target)."""

    right: bool
    """Every target was the likeliest at its place."""


@dataclass(frozen=True)
class Update:
    """What one optimiser step did."""

    step: int
    """Steps done, this one included."""

    epoch: float
    """Passes over the training rows done."""

    loss: float
    """Mean over the step's units, before the update."""

    learning_rate: float
    grad_norm: float
    """Before clipping."""

    grad_norms: dict[str, float]
    """The same for groups of layers and for the head."""

    layer_norms: list[float]
    """The same for each block, from the lowest up; 0 where nothing in it trains."""

    rows: int
    tokens: int

    examples: list[Example]
    """What the step's loss says of each of its rows, before the update; none where it says nothing
    of rows."""

    means: dict[str, float] = field(default_factory=dict)
    """Further numbers that the loss gave sums of, each over the step's units."""


@dataclass(frozen=True)
class Plan:
    """The steps of a run: a pure function of the recipe and the number of rows."""

    rows: Sequence[EncodedRow]
    training: TrainingSection
    seed: int
    micro_batch_tokens: int
    rates: Mapping[str, float] = field(default_factory=dict)
    """What multiplies the learning rate of a tensor, by name, where it is not 1."""

    ids: Sequence[str] = ()
    """Of the row of the data that each of `rows` is of; empty where nobody asks how rows go."""

    @cached_property
    def _groups(self) -> tuple[int, ...]:
        return groups_of(self.rows, together=self.training.order == "together")

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch; the last one may hold fewer rows."""
        return steps_per_epoch(len(self.rows), self.training.batch_size)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.training.epochs * self.steps_per_epoch

    def numbers(self, step: int) -> tuple[int, ...]:
        """Return the numbers of the rows of `step` (from 0)."""
        return step_rows(step, self._groups, batch_size=self.training.batch_size, seed=self.seed)

    def step(self, step: int) -> list[EncodedRow]:
        """Return the rows of `step` (from 0)."""
        return [self.rows[number] for number in self.numbers(step)]


def updates(
    network: Network,
    task: Objective,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    *,
    start: int = 0,
) -> Iterator[Update]:
    """Train from step `start` (steps already done) to the plan's end, yielding after every step.

    Raises:
        NumericsError: a loss or a gradient is not finite; the weights are those before the step.
    """
    parameters = trained_parameters(network)
    for step in range(start, plan.steps):
        network.train()
        # All of a step's randomness is a function of its number.
        torch.manual_seed(stream_seed(plan.seed, "dropout", step))
        rows = plan.step(step)
        total, count, examples, sums = _accumulate(network, task, plan, step)
        for parameter in parameters.values():
            if parameter.grad is not None:
                parameter.grad /= count
        squares = _gradient_squares(parameters)
        norms = _norms_of_groups(squares)
        norm = sum(value**2 for value in norms.values()) ** 0.5
        _require_finite(step, loss=total, grad_norm=norm)
        _clip(parameters, norm, plan.training.max_grad_norm)
        rate = learning_rate(step, plan.steps, plan.training)
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("rate", 1.0)
        optimizer.step()
        optimizer.zero_grad()
        yield Update(
            step=step + 1,
            epoch=(step + 1) / plan.steps_per_epoch,
            loss=total / count,
            learning_rate=rate,
            grad_norm=norm,
            grad_norms=norms,
            layer_norms=_norms_of_layers(squares),
            rows=len(rows),
            tokens=total_tokens(rows),
            examples=examples,
            means={name: value / count for name, value in sums.items()},
        )


def _accumulate(
    network: Network, task: Objective, plan: Plan, step: int
) -> tuple[float, int, list[Example], dict[str, float]]:
    """Add up the gradients of the step's rows; return the loss, its count and how each row stood.

    Last come the sums of what else the loss gave.

    The sum is divided once by the step's whole count, so that how it was cut up leaves no trace.
    """
    total, count = 0.0, 0
    rows, numbers = plan.step(step), plan.numbers(step)
    examples: list[Example] = []
    sums: Counter[str] = Counter()
    for part in micro_batches(rows, plan.micro_batch_tokens, shared=network.shares):
        batch = flatten([rows[n] for n in part], network.device, shared=network.shares)
        loss = task.loss(network, network(batch), batch)
        loss.total.backward()
        total, count = total + float(loss.total.detach()), count + loss.count
        examples += _examples([numbers[n] for n in part], loss.rows)
        sums.update(loss.further())
    return total, count, sorted(examples), dict(sums)


def _examples(numbers: Sequence[int], said: RowLosses | None) -> list[Example]:
    """Return how each row stood, but for rows without a unit; one transfer from the device."""
    if said is None:
        return []
    values = torch.stack([said.loss, said.confidence, said.right.to(said.loss.dtype)], dim=1)
    return [
        Example(number, loss, confidence, bool(right))
        for number, (loss, confidence, right) in zip(numbers, values.tolist(), strict=True)
        if not isnan(loss)
    ]


def _gradient_squares(parameters: Mapping[str, nn.Parameter]) -> dict[int | None, float]:
    """Return the sum of the gradient's squares by number of the layer, None for the head."""
    squares: dict[int | None, Any] = {}
    for name, parameter in parameters.items():
        if parameter.grad is not None:
            found = _LAYER.search(name)
            layer = int(found[1]) if found else None
            squares[layer] = squares.get(layer, 0.0) + parameter.grad.float().square().sum()
    # One transfer from the device, and not one for each layer.
    values = torch.stack([*squares.values()]).tolist() if squares else []
    return dict(zip(squares, values, strict=True))


def _norms_of_layers(squares: Mapping[int | None, float]) -> list[float]:
    return [squares.get(layer, 0.0) ** 0.5 for layer in range(_depth(squares))]


def _norms_of_groups(squares: Mapping[int | None, float]) -> dict[str, float]:
    """Return the gradient's norm for each group of layers."""
    groups: dict[str, float] = {}
    for layer, square in squares.items():
        group = _group(layer, _depth(squares))
        groups[group] = groups.get(group, 0.0) + square
    return {group: square**0.5 for group, square in groups.items()}


def _depth(squares: Mapping[int | None, float]) -> int:
    """Return one more than the number of the highest layer."""
    return max((layer for layer in squares if layer is not None), default=-1) + 1


def _group(layer: int | None, layers: int) -> str:
    if layer is None:
        return "head"
    size = -(-layers // _LAYER_GROUPS)
    first = layer // size * size
    last = min(first + size, layers) - 1
    return f"layers {first}-{last}" if last > first else f"layer {first}"


def _clip(parameters: Mapping[str, nn.Parameter], norm: float, most: float | None) -> None:
    if most is not None and norm > most:
        for parameter in parameters.values():
            if parameter.grad is not None:
                parameter.grad *= most / norm


def _require_finite(step: int, **values: float) -> None:
    for name, value in values.items():
        if not float("-inf") < value < float("inf"):
            raise NumericsError(
                "NUM-NAN",
                f"{name} is not finite; the run stops with the weights as they were",
                at=f"step {step + 1}",
                got=value,
                expected="a finite number",
                fix="start a new run with a lower training.learning_rate or training.max_grad_norm",
            )
