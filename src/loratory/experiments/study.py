"""The sweep's memory: Optuna's study, kept as a journal file of JSON lines in the sweep folder.

What a trial came to stands in its run folder first and here second, so that a kill between the two
loses nothing. Every line is added whole, under a lock that dies with its holder.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, assert_never

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, SuccessiveHalvingPruner
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import (
    BaseJournalBackend,
    JournalFileBackend,
    JournalFileOpenLock,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from loratory.errors import RunError
from loratory.experiments.draws import Direction, Space
from loratory.recipe.sweep import HalvingPrune, HyperbandPrune, PruneSection
from loratory.runs.atomic import disk_errors
from loratory.runs.json_files import parse_json

_STUDY = "sweep"
# What a trial is told by, beside what Optuna keeps of it.
_TOLD = {"settings", "seed", "run"}
_BEGINS = 4  # op_code of the lines in which it does so
# Optuna changes no trial that has ended: one that may be done again only has this note.
_SET_ASIDE = "set_aside"


class Planned(NamedTuple):
    """What a trial is, as the journal keeps it."""

    number: int
    settings: dict[str, Any]
    seed: int
    run: str
    """Its run folder, within the sweep's."""


class Study:
    """The trials of one sweep, for this process and those beside it."""

    def __init__(self, journal: Path, *, lower_is_better: bool, prune: PruneSection | None) -> None:
        """Open the journal, or begin it.

        Raises:
            RunError: RUN-LOG, with the number of the first damaged line; RUN-IO.
            ResourceError: RES-DISK.
        """
        backend = _Journal(journal)
        backend.check()
        storage = JournalStorage(backend)
        self.direction: Direction = "minimize" if lower_is_better else "maximize"
        self._prune = prune
        self._study = optuna.create_study(
            storage=storage, study_name=_STUDY, direction=self.direction, load_if_exists=True
        )
        self._storage = storage
        self._id = storage.get_study_id_from_name(_STUDY)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials that were begun, in the order of their numbers."""
        return self._study.get_trials()

    def begin(self, planned: Planned, space: Space) -> None:
        """Add a trial; it runs from now on."""
        params = space.params(planned.settings)
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions={key: space.distributions[key] for key in params},
                user_attrs={
                    "settings": planned.settings,
                    "seed": planned.seed,
                    "run": planned.run,
                },
            )
        )

    def report(self, number: int, values: Mapping[int, float]) -> bool:
        """Keep what evaluations 1, 2, … of a trial found; tell whether it should be given up.

        The answer is a function of these values and of the other trials alone, so that a trial that
        is resumed, and asked about once more, is answered the same.
        """
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
        trials = self.trials()
        for step, value in values.items():
            if trials[number].intermediate_values.get(step) != value:
                self._storage.set_trial_intermediate_value(trial_id, step, value)
        if self._prune is None or not values:
            return False
        hopeless, rungs = _judged(self._prune, self.direction, trials, number, values)
        for key, value in rungs.items():
            if trials[number].system_attrs.get(key) != value:
                self._storage.set_trial_system_attr(trial_id, key, value)
        return hopeless

    def end(self, number: int, state: TrialState, value: float | None, seconds: float) -> None:
        """Say what a trial came to, unless it is said already."""
        if self.trials()[number].state.is_finished():
            return
        trial_id = self._note(number, "seconds", seconds)
        values = None if value is None else [value]
        self._storage.set_trial_state_values(trial_id, state, values)

    def set_aside(self, number: int, seconds: float) -> None:
        """Say that a trial failed of what may be otherwise another time."""
        self._note(number, "seconds", seconds)
        self._note(number, _SET_ASIDE, value=True)

    def take_up(self, number: int) -> None:
        """Let a trial be done that was set aside."""
        self._note(number, _SET_ASIDE, value=False)

    def _note(self, number: int, key: str, value: float) -> int:
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
        self._storage.set_trial_user_attr(trial_id, key, value)
        return trial_id


def is_over(trial: FrozenTrial) -> bool:
    """Tell whether nobody is to go on with a trial, until it is taken up if it was set aside."""
    return trial.state.is_finished() or is_set_aside(trial)


def is_set_aside(trial: FrozenTrial) -> bool:
    """Tell whether a trial failed, and may be taken up."""
    return bool(trial.user_attrs.get(_SET_ASIDE))


def planned_of(trial: FrozenTrial) -> Planned:
    """Return what a trial of the journal is."""
    told = trial.user_attrs
    return Planned(trial.number, dict(told["settings"]), told["seed"], told["run"])


def listed_space(points: list[Mapping[str, Any]]) -> Space:
    """Return the space of points that are known: of each key, the values that it has in them."""
    values: dict[str, list[Any]] = {}
    for point in points:
        for key, value in point.items():
            held = values.setdefault(key, [])
            if not any(json.dumps(value) == json.dumps(other) for other in held):
                held.append(value)
    return Space(values)


def _judged(
    prune: PruneSection,
    direction: Direction,
    trials: list[FrozenTrial],
    number: int,
    values: Mapping[int, float],
) -> tuple[bool, dict[str, float]]:
    """Return the pruner's answer to the last of `values`, and the rungs that the trial stands on.

    Asked of a copy in memory: the pruner notes rungs while it answers, and must find none of its
    own notes when it is asked again.
    """
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name=_STUDY, direction=direction)
    for trial in trials:
        bare = create_trial(state=TrialState.RUNNING)
        study.add_trial(bare if trial.number == number else trial)
    pruner, hopeless = _pruner(prune), False
    study_id = storage.get_study_id_from_name(_STUDY)
    trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, number)
    for step, value in values.items():
        storage.set_trial_intermediate_value(trial_id, step, value)
        hopeless = pruner.prune(study, study.get_trials()[number])
    rungs = study.get_trials()[number].system_attrs
    return hopeless, {key: rungs[key] for key in rungs if key.startswith("completed_rung_")}


def _pruner(prune: PruneSection) -> BasePruner:
    match prune:
        case HalvingPrune():
            return SuccessiveHalvingPruner(prune.min_resource, prune.reduction_factor)
        case HyperbandPrune():
            most = prune.max_resource or "auto"
            return HyperbandPruner(prune.min_resource, most, prune.reduction_factor)
        case _:
            assert_never(prune)


class _FileLock(JournalFileOpenLock):
    """A lock that the system releases when its holder ends; Optuna's own outlive a kill by 30 s."""

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal
        self._path = journal.with_name(f"{journal.name}.lock")
        self._held: list[int] = []

    def acquire(self) -> bool:
        """Wait for the lock and take it; the line that a killed writer may have torn goes first."""
        with disk_errors(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held.append(descriptor)
        try:
            self._end_in_a_line()
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._held.pop())

    def _end_in_a_line(self) -> None:
        with disk_errors(self._journal), self._journal.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read() != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)


class _Journal(JournalFileBackend):
    """Optuna's journal file under this lock, with clear words for what the disk refuses."""

    def __init__(self, path: Path) -> None:
        self._path, self._file_lock = path, _FileLock(path)
        with disk_errors(path):
            super().__init__(str(path), lock_obj=self._file_lock)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add a line for each entry."""
        with disk_errors(self._path):
            super().append_logs(logs)

    def check(self) -> None:
        """Refuse a journal that is damaged otherwise than by a torn last line."""
        with disk_errors(self._path):
            self._file_lock.acquire()
            try:
                lines = self._path.read_bytes().splitlines()
            finally:
                self._file_lock.release()
        replayed = _Replayed(lines)
        try:
            JournalStorage(replayed)
        except (ValueError, TypeError, LookupError, AttributeError, AssertionError):
            raise RunError(
                "RUN-LOG",
                "the line is none of this sweep's journal",
                at=f"{self._path}:{replayed.read}",
                fix="restore the journal from a copy; or remove it, and it is made anew from the "
                "run folders, but for what kind: tpe has proposed",
            ) from None


class _Replayed(BaseJournalBackend):
    """Lines for Optuna to follow, and how many it has followed or failed to."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self.read = 0

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the entries from this one on."""
        for line in self._lines[log_number_from:]:
            self.read += 1
            entry = parse_json(line)
            if entry["op_code"] == _BEGINS and not entry["user_attrs"].keys() >= _TOLD:
                raise ValueError("the trial is none of a sweep")
            yield entry

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Keep nothing."""
