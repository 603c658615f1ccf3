"""A worker: does trials of a sweep, one after the other, until none is left or time is up.

Any number of workers may be at one sweep: the next trial is chosen under a lock, and a trial is
claimed by a lock that dies with its worker. A trial whose worker died is gone on with first.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from optuna.trial import FrozenTrial, TrialState

from loratory import pipeline
from loratory.errors import RunError, RunInterruptedError
from loratory.experiments.draws import Space, proposed_point
from loratory.experiments.plan import make_plan
from loratory.experiments.study import (
    Planned,
    Study,
    is_over,
    is_set_aside,
    listed_space,
    planned_of,
)
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.trial import Outcome, Trial
from loratory.inference.materials import KeptMaterials, Materials
from loratory.metrics.direction import lower_is_better
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Recipe
from loratory.recipe.sweep import TpeSweep, in_words
from loratory.train.longest import memory_errors
from loratory.train.stop import stop_signals

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
            RunError: RUN-MISMATCH, when the journal is of other trials than the recipe.
        """
        recipe = load_recipe(folder.recipe)
        self.folder = folder
        self.plan = make_plan(recipe)
        self.metric = metric_of(recipe)
        self.lower_is_better = lower_is_better(self.metric)
        prune = self.plan.sweep.prune
        self.study = Study(folder.journal, lower_is_better=self.lower_is_better, prune=prune)
        self._refuse_other_trials()

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

    def _refuse_other_trials(self) -> None:
        trials = self.study.trials()
        for trial in trials:
            told = planned_of(trial)
            if trial.number >= self.plan.trials or not self._is_planned(trial, trials):
                raise RunError(
                    "RUN-MISMATCH",
                    f"trial {trial.number} of the journal is none of this recipe's",
                    at=str(self.folder.recipe),
                    got=f"{in_words(told.settings)} seed={told.seed}",
                    fix="put the recipe back as it was when the sweep began, or begin a new sweep",
                )

    def _is_planned(self, trial: FrozenTrial, trials: list[FrozenTrial]) -> bool:
        told = planned_of(trial)
        if self.plan.points is None and trial.number < self.plan.count:
            # What is proposed follows from the results then; what it was chosen from is known.
            _, seed = self.plan.place(trial.number)
            return told.seed == seed and trial.distributions == self.space.distributions
        expected = self.planned(trial.number, trials)
        return (told.seed, _text(told.settings)) == (expected.seed, _text(expected.settings))

    def has_work(self) -> bool:
        """Tell whether there are trials that are not over."""
        return sum(map(is_over, self.study.trials())) < self.plan.trials

    def take_up(self) -> None:
        """Let trials be done that were set aside."""
        for trial in filter(is_set_aside, self.study.trials()):
            with ExitStack() as held:
                if self._claim(trial.number, held):
                    self.trial(planned_of(trial)).forget_failure()
                    self.study.take_up(trial.number)

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
            if not is_over(trial) and self._claim(trial.number, held):
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

    The first trial is prepared before any is begun, so that missing data, or a missing base, ends
    the work and fails no trial.

    Raises:
        RunInterruptedError: a signal asked to stop; everything is saved.
        LoratoryError: what would go wrong for every trial.
    """
    sweep = Sweep(SweepFolder.open(folder))
    materials = materials or KeptMaterials()

    def stops() -> bool:
        return limits.over() or stop()

    with stop_signals() as stop_asked:
        if sweep.has_work() and not stops():
            with memory_errors():
                pipeline.prepare(sweep.plan.first(), materials)
        while not stops():
            # Also one that came while a trial was given up: that trial is told by now.
            if stop_asked():
                raise stopped()
            with sweep.next_trial(limits) as planned:
                if planned is None:
                    return
                trial = sweep.trial(planned, limits.threads)
                say("trial_begins", **planned._asdict())
                before = time.perf_counter()
                outcome = trial.run(materials, lambda event, values: say(event, **values), stops)
                seconds = max(time.perf_counter() - before, trial.seconds())
                _tell(sweep.study, planned, outcome, seconds)
                say("trial_ends", **planned._asdict(), **vars(outcome), seconds=seconds)


def stopped() -> RunInterruptedError:
    """Return the end of a sweep that was asked to stop."""
    return RunInterruptedError("RUN-STOPPED", "stopped as asked", fix="go on with --resume")


def _tell(study: Study, planned: Planned, outcome: Outcome, seconds: float) -> None:
    state = _STATES.get(outcome.state)
    if outcome.may_pass:
        study.set_aside(planned.number, seconds)
    elif state is not None:
        study.end(planned.number, state, outcome.value, seconds)


def _text(settings: dict[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _longest_seconds(trials: list[FrozenTrial]) -> float:
    """Return how long the longest finished trial took."""
    whole = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max((trial.user_attrs["seconds"] for trial in whole), default=0.0)
