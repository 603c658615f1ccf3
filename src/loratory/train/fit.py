"""Around the loop: evaluate, keep the best, save, stop early or when asked, and go on later."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import torch

from loratory.errors import RunError
from loratory.methods.trained import load_trained, trained_parameters, trained_tensors
from loratory.metrics.direction import is_better
from loratory.models.network import Network
from loratory.recipe.schema import Every
from loratory.runs.atomic import disk_errors, sync
from loratory.runs.dynamics import DynamicsFile, RowState
from loratory.runs.folder import RunFolder
from loratory.runs.published import recover_published
from loratory.tasks.task import Objective
from loratory.train.checkpoint import (
    TrainState,
    read_optimizer,
    read_state,
    read_trained,
    save_checkpoint,
)
from loratory.train.loop import Plan, Update, updates
from loratory.train.optimizer import load_optimizer_tensors, make_optimizer, optimizer_tensors


class Tell(Protocol):
    """Where events of the run go: its log, and whoever watches."""

    def __call__(self, event: str, /, **values: Any) -> None:
        """Record an event."""


@dataclass(frozen=True)
class Validation:
    """How to evaluate, and what decides."""

    metric: str
    """The metric that selects the best checkpoint."""

    evaluate: Callable[[int, float], tuple[dict[str, float], Callable[[], None]]]
    """Called with the step and the epoch; returns the metrics, and what keeps their predictions."""


@dataclass(frozen=True)
class Fit:
    """One run's training, from its last checkpoint to its end."""

    network: Network
    task: Objective
    plan: Plan
    folder: RunFolder
    tell: Tell
    validation: Validation | None
    stop_asked: Callable[[], bool]

    def run(self) -> TrainState:
        """Train until the end, an early stop, or until asked to stop; return where it stands.

        Raises:
            NumericsError: a loss, a gradient or a weight is not finite.
            RunError, ResourceError: a checkpoint cannot be read or written.
        """
        if not self.plan.steps:
            return self._as_it_is()
        plan = self.plan
        optimizer = make_optimizer(trained_parameters(self.network), plan.training, plan.rates)
        state = self._resume(optimizer)
        if state.finished:
            return state
        before = time.perf_counter()
        with DynamicsFile(self.folder.dynamics, after=state.step) as dynamics:
            for update in updates(self.network, self.task, optimizer, plan, start=state.step):
                self._tell_step(update, time.perf_counter() - before)
                dynamics.write(update.step, ceil(update.epoch), self._row_states(update))
                state = self._after(update, replace(state, step=update.step), optimizer)
                if state.finished or self.stop_asked():
                    break
                before = time.perf_counter()
        if not state.finished:
            self._save_last(state, optimizer)
        return state

    def _as_it_is(self) -> TrainState:
        """Look at the validation rows once; nothing trains."""
        state = TrainState(finished=True)
        if self.validation is None:
            return state
        metrics, keep_predictions = self.validation.evaluate(0, 0.0)
        keep_predictions()
        return replace(state, best_value=metrics[self.validation.metric], best_step=0)

    def _resume(self, optimizer: torch.optim.Optimizer) -> TrainState:
        found, best = recover_published(self.folder.last), recover_published(self.folder.best)
        for checkpoint in (found, best):
            if checkpoint is not None and checkpoint.note:
                self.tell("warning", message=checkpoint.note)
        if found is None:
            return TrainState()
        state = read_state(found.path)
        if best is None and state.best_step is not None:
            raise RunError(
                "CKPT-BAD",
                f"the best checkpoint, of step {state.best_step}, is missing",
                at=str(self.folder.best),
                fix="put the folder back, or start a new run",
            )
        load_trained(self.network, read_trained(found.path))
        parameters = trained_parameters(self.network)
        load_optimizer_tensors(optimizer, parameters, read_optimizer(found.path))
        self.tell("resume", step=state.step)
        return state

    def _after(
        self, update: Update, state: TrainState, optimizer: torch.optim.Optimizer
    ) -> TrainState:
        """Evaluate and save where it is due."""
        training = self.plan.training
        over = state.step == self.plan.steps
        if self.validation and (over or self._due(training.evaluate_every, state.step)):
            state = self._evaluate(self.validation, update, state, optimizer)
        early = training.patience is not None and state.worse_evaluations >= training.patience
        state = replace(state, finished=over or early)
        if state.finished or self._due(training.checkpoint_every, state.step):
            self._save_last(state, optimizer)
        return state

    def _due(self, every: Every, step: int) -> bool:
        return step % (self.plan.steps_per_epoch if every == "epoch" else every) == 0

    def _evaluate(
        self,
        validation: Validation,
        update: Update,
        state: TrainState,
        optimizer: torch.optim.Optimizer,
    ) -> TrainState:
        metrics, keep_predictions = validation.evaluate(update.step, update.epoch)
        metric = validation.metric
        value = metrics[metric]
        if state.best_value is not None and not is_better(metric, value, state.best_value):
            return replace(state, worse_evaluations=state.worse_evaluations + 1)
        state = replace(state, best_value=value, best_step=state.step, worse_evaluations=0)
        keep_predictions()
        self._save(self.folder.best, state, optimizer)
        return state

    def _save_last(self, state: TrainState, optimizer: torch.optim.Optimizer) -> None:
        self._save(self.folder.last, state, optimizer)

    def _save(self, target: Path, state: TrainState, optimizer: torch.optim.Optimizer) -> None:
        parameters = trained_parameters(self.network)
        # A run goes on behind a checkpoint's step: what the steps before it said must not be lost.
        for path in (self.folder.log, self.folder.dynamics):
            if path.exists():
                with disk_errors(path):
                    sync(path)
        save_checkpoint(
            target, state, trained_tensors(self.network), optimizer_tensors(optimizer, parameters)
        )
        self.tell("checkpoint", step=state.step, which=target.name)

    def _row_states(self, update: Update) -> list[RowState]:
        """Return how the rows of the step stood, where the plan knows their ids."""
        ids = self.plan.ids
        return [
            RowState(ids[number], loss, confidence, right)
            for number, loss, confidence, right in update.examples
            if ids
        ]

    def _tell_step(self, update: Update, seconds: float) -> None:
        groups = {f"train/grad_norm/{name}": value for name, value in update.grad_norms.items()}
        self.tell(
            "step",
            step=update.step,
            epoch=update.epoch,
            rows=update.rows,
            tokens=update.tokens,
            seconds=seconds,
            layer_grad_norms=[float(f"{norm:.4g}") for norm in update.layer_norms],
            **{
                "train/loss": update.loss,
                "train/learning_rate": update.learning_rate,
                "train/grad_norm": update.grad_norm,
            },
            **groups,
            **{f"train/{name}": value for name, value in update.means.items()},
        )
