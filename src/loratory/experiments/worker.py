"""A worker: does trials of a sweep, one after the other, until none is left or time is up.

Any number of workers may be at one sweep: the next trial is chosen under a lock, and a trial is
claimed by a lock that dies with its worker. A trial whose worker died is gone on with first.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from optuna.trial import FrozenTrial, TrialState

from loratory.errors import RunError
from loratory.experiments.draws import Space, proposed_point
from loratory.experiments.plan import make_plan
from loratory.experiments.study import Planned, Study, listed_space, planned_of
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.trial import Outcome, Trial
from loratory.inference.materials import KeptMaterials, Materials
from loratory.metrics.direction import lower_is_better
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Recipe
from loratory.recipe.sweep import TpeSweep, in_words

_STATES = {
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
_LONGEST = 80  # characters of a trial's folder


class Say(Protocol):
    """Where news of trials goes."""

    def __call__(self, event: str, /, **values: Any) -> None:
        """Tell of a trial, or of what its run tells."""


def silent(event: str, /, **values: Any) -> None:
    """Tell nobody."""
    del event, values


@dataclass(frozen=True)
class Limits:
    """How far a sweep may go this time."""

    until: float | None = None
    """When to stop, as Unix time."""

    trials: int | None = None
    """How many trials to begin, counted from the first of all."""

    threads: int | None = None
    """Processor threads of each trial whose recipe does not say."""

    def over(self) -> bool:
        """Tell whether time is up."""
        return self.until is not None and time.time() >= self.until

    def leaves(self, seconds: float) -> bool:
        """Tell whether so many seconds are left."""
        return self.until is None or time.time() + seconds <= self.until


class Sweep:
    """A sweep's plan and its memory, open in this process."""

    def __init__(self, folder: SweepFolder) -> None:
        """Open the sweep in `folder`.

        Raises:
            ConfigError, RunError: its recipe or its journal is damaged.
        """
        recipe = load_recipe(folder.recipe)
        self.folder = folder
        self.plan = make_plan(recipe)
        self.metric = metric_of(recipe)
        self.lower_is_better = lower_is_better(self.metric)
        prune = self.plan.sweep.prune
        self.study = Study(folder.journal, lower_is_better=self.lower_is_better, prune=prune)

    @property
    def space(self) -> Space:
        """What the values of each key are."""
        sweep = self.plan.sweep
        if self.plan.points is None:
            assert isinstance(sweep, TpeSweep)
            return Space(sweep.values)
        return listed_space([*self.plan.points])

    def trial(self, planned: Planned, threads: int | None = None) -> Trial:
        """Return a trial, to be run or looked at."""
        recipe = self.plan.run(planned.settings, planned.seed)
        if threads is not None and recipe.training.threads is None:
            training = recipe.training.model_copy(update={"threads": threads})
            recipe = recipe.model_copy(update={"training": training})

        def judge(values: dict[int, float]) -> bool:
            return self.study.report(planned.number, values)

        path = self.folder.path / planned.run
        return Trial(planned, path, recipe, self.metric, judge)

    def planned(self, number: int, before: list[FrozenTrial]) -> Planned:
        """Return what trial `number` is, once those before it have begun."""
        place, seed = self.plan.place(number)
        if self.plan.points is not None:
            point = self.plan.points[place]
        elif number < self.plan.count:
            known = [trial for trial in before if trial.state != TrialState.FAIL]
            point = proposed_point(
                self.space, self.plan.recipe.seed, number, known, direction=self.study.direction
            )
        else:
            point = planned_of(before[place]).settings
        words = f"{number:03}-{in_words(point)} seed={seed}"
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in words)
        return Planned(number, dict(point), seed, f"trials/{plain[:_LONGEST].rstrip('-')}")

    @contextmanager
    def next_trial(self, limits: Limits) -> Iterator[Planned | None]:
        """Choose a trial that nobody does and claim it; None where there is none to do."""
        with ExitStack() as held:
            with self.folder.planning():
                planned = self._claimed(held, limits)
            yield planned

    def _claimed(self, held: ExitStack, limits: Limits) -> Planned | None:
        trials = self.study.trials()
        for trial in trials:
            if not trial.state.is_finished() and self._claim(trial.number, held):
                return planned_of(trial)
        most = min(self.plan.trials, limits.trials or self.plan.trials)
        if len(trials) >= most or not limits.leaves(_longest_seconds(trials)):
            return None
        planned = self.planned(len(trials), trials)
        assert self._claim(planned.number, held), "nobody can claim a trial that is not there yet"
        self.study.begin(planned, self.space)
        return planned

    def _claim(self, number: int, held: ExitStack) -> bool:
        try:
            held.enter_context(self.folder.claimed(number))
        except RunError as error:
            if error.code != "RUN-LOCK":
                raise
            return False
        return True


def metric_of(recipe: Recipe) -> str:
    """Return the metric that a sweep's recipe names."""
    assert recipe.sweep is not None
    assert recipe.sweep.metric is not None, "a sweep's own recipe names its metric"
    return recipe.sweep.metric


def work(
    folder: Path,
    limits: Limits,
    say: Say,
    materials: Materials | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Do trials of the sweep in `folder` until none is left, or a limit is reached.

    `say` is told `trial_begins` and `trial_ends` of each trial, and what its run's log is told.

    Raises:
        RunInterruptedError: a signal asked to stop; everything is saved.
        LoratoryError: what would go wrong for every trial.
    """
    sweep = Sweep(SweepFolder.open(folder))
    materials = materials or KeptMaterials()

    def stops() -> bool:
        return limits.over() or stop()

    while not stops():
        with sweep.next_trial(limits) as planned:
            if planned is None:
                return
            trial = sweep.trial(planned, limits.threads)
            say("trial_begins", **planned._asdict())
            before = time.perf_counter()
            outcome = trial.run(materials, lambda event, values: say(event, **values), stops)
            seconds = time.perf_counter() - before
            _tell(sweep.study, planned, outcome, seconds)
            say("trial_ends", **planned._asdict(), **vars(outcome), seconds=seconds)


def _tell(study: Study, planned: Planned, outcome: Outcome, seconds: float) -> None:
    state = _STATES.get(outcome.state)
    if state is not None:
        study.end(planned.number, state, outcome.value, seconds)


def _longest_seconds(trials: list[FrozenTrial]) -> float:
    """Return how long the longest finished trial took."""
    whole = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max((trial.user_attrs["seconds"] for trial in whole), default=0.0)
