"""The training loop, the only one.

It yields after every optimiser step; whoever calls it logs, evaluates, saves and stops.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import nn

from loratory.batching.flat import flatten
from loratory.batching.plan import groups_of, micro_batches, step_rows, steps_per_epoch
from loratory.batching.rows import EncodedRow, total_tokens
from loratory.errors import NumericsError
from loratory.methods.trained import trained_parameters
from loratory.models.network import Network
from loratory.recipe.schema import TrainingSection
from loratory.recipe.streams import stream_seed
from loratory.tasks.task import Task
from loratory.train.optimizer import learning_rate

_LAYER = re.compile(r"\.(\d+)\.")
_LAYER_GROUPS = 3


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

    rows: int
    tokens: int


@dataclass(frozen=True)
class Plan:
    """The steps of a run: a pure function of the recipe and the number of rows."""

    rows: Sequence[EncodedRow]
    training: TrainingSection
    seed: int
    micro_batch_tokens: int
    rates: Mapping[str, float] = field(default_factory=dict)
    """What multiplies the learning rate of a tensor, by name, where it is not 1."""

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

    def step(self, step: int) -> list[EncodedRow]:
        """Return the rows of `step` (from 0)."""
        numbers = step_rows(step, self._groups, batch_size=self.training.batch_size, seed=self.seed)
        return [self.rows[number] for number in numbers]


def updates(
    network: Network,
    task: Task,
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
        total, count = _accumulate(network, task, rows, plan.micro_batch_tokens)
        for parameter in parameters.values():
            if parameter.grad is not None:
                parameter.grad /= count
        norms = _gradient_norms(parameters)
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
            rows=len(rows),
            tokens=total_tokens(rows),
        )


def _accumulate(
    network: Network, task: Task, rows: Sequence[EncodedRow], most: int
) -> tuple[float, int]:
    """Add up the gradients of `rows`, at most `most` tokens at once; return the loss and count.

    The sum is divided once by the step's whole count, so that how it was cut up leaves no trace.
    """
    total, count = 0.0, 0
    for part in micro_batches(rows, most, shared=network.shares):
        batch = flatten([rows[n] for n in part], network.device, shared=network.shares)
        loss = task.loss(network, network(batch), batch)
        loss.total.backward()
        total, count = total + float(loss.total.detach()), count + loss.count
    return total, count


def _gradient_norms(parameters: Mapping[str, nn.Parameter]) -> dict[str, float]:
    """Return the gradient's norm for each group of layers."""
    layers = [int(found[1]) for name in parameters if (found := _LAYER.search(name))]
    deepest = max(layers, default=0) + 1
    squares: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if parameter.grad is not None:
            group = _group(name, deepest)
            squares[group] = squares.get(group, 0.0) + parameter.grad.float().square().sum()
    return {group: float(square) ** 0.5 for group, square in squares.items()}


def _group(name: str, layers: int) -> str:
    found = _LAYER.search(name)
    if found is None:
        return "head"
    size = -(-layers // _LAYER_GROUPS)
    first = int(found[1]) // size * size
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
