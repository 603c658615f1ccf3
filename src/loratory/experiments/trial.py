"""One trial: an ordinary run that is begun, gone on with, given up, or found finished.

What it came to is read off its run folder, so that asking twice does nothing twice.
"""

import gc
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from loratory import pipeline
from loratory.errors import (
    ConfigError,
    DataError,
    LoratoryError,
    ModelError,
    NumericsError,
    RunInterruptedError,
)
from loratory.experiments.study import Planned
from loratory.inference.materials import Materials
from loratory.inference.selection import require_metric
from loratory.recipe.schema import Recipe
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json, write_json
from loratory.runs.log import read_events
from loratory.runs.published import open_published
from loratory.train.checkpoint import read_state

State = Literal["finished", "pruned", "failed", "unfinished", "waiting"]

_END = "trial.json"
"""In the folder of a run that will not go on: why, and what it had reached."""

# What one point's settings can cause; anything else would meet every other point, too. The first
# point is prepared before the sweep begins: what is wrong with the rows for all is found there.
_OF_THE_POINT = (ConfigError, DataError, ModelError, NumericsError)
# What may be otherwise when the sweep is resumed: there was too little memory, or a file of this
# point's was not there.
_PASSING = {"RES-MEM", "DATA-FILE", "MODEL-FOLDER"}


@dataclass(frozen=True)
class Outcome:
    """What a trial came to."""

    state: State
    value: float | None
    """Of the metric: at the best checkpoint; of a trial that did not finish, its last."""

    problem: str | None = None
    """Why it failed."""

    code: str | None = None
    """That of the error it failed of."""

    @property
    def may_pass(self) -> bool:
        """Whether it failed of what may be otherwise another time."""
        return self.code in _PASSING


@dataclass(frozen=True)
class Trial:
    """One trial of a sweep, claimed by this process."""

    planned: Planned
    path: Path
    recipe: Recipe
    metric: str
    judge: Callable[[dict[int, float]], bool]
    """Keeps what evaluations 1, 2, … found; tells whether to give up."""

    def run(self, materials: Materials, watch: pipeline.Watch, stop: Callable[[], bool]) -> Outcome:
        """Bring the trial to its end, or as far as it may go.

        Raises:
            RunInterruptedError: a signal asked to stop.
            LoratoryError: what would go wrong for every other trial as well.
        """
        if (ended := self.outcome()).state not in ("unfinished", "waiting"):
            self.judge(self.evaluations())
            if ended.state == "finished":
                pipeline.resume(self.path)  # a kill may have left it without its report
            return ended
        if self.judge(self.evaluations()) and self._was_stopped():
            return self._given_up()
        try:
            self._train(materials, watch, stop)
        except LoratoryError as error:
            if not (isinstance(error, _OF_THE_POINT) or error.code in _PASSING):
                raise
            return self._failed(error)
        finally:
            gc.collect()  # the network of a run that was stopped is a ring of references
        return self.outcome()

    def outcome(self) -> Outcome:
        """Return what the run folder says."""
        folder = RunFolder(self.path)
        if folder.result.is_file():
            found = read_json(folder.result)["evaluation"]["validation"]
            value = found["metrics"].get(self.metric)
            if value is None:
                return Outcome("failed", None, f"its result has no {self.metric}")
            return Outcome("finished", value)
        if (self.path / _END).is_file():
            return Outcome(**read_json(self.path / _END))
        return Outcome("unfinished" if folder.recipe.is_file() else "waiting", self._last())

    def forget_failure(self) -> None:
        """Let the trial be run again from where it failed."""
        (self.path / _END).unlink(missing_ok=True)

    def evaluations(self) -> dict[int, float]:
        """Return what evaluations 1, 2, … of the validation rows found, where that is a number."""
        found = enumerate((event.get(f"eval/{self.metric}") for event in self._looks()), start=1)
        return {number: value for number, value in found if value is not None}

    def seconds(self) -> float:
        """Return how long its attempts took, from the first line of each in the log to its last."""
        attempts: dict[int, list[float]] = {}
        for event in self._events():
            attempts.setdefault(event["attempt"], []).append(event["time"])
        return sum(times[-1] - times[0] for times in attempts.values())

    def _looks(self) -> list[dict[str, Any]]:
        return [
            event
            for event in self._events()
            if event["event"] == "evaluation" and event["split"] == "validation"
        ]

    def _events(self) -> list[dict[str, Any]]:
        log = RunFolder(self.path).log
        return read_events(log) if log.is_file() else []

    def _was_stopped(self) -> bool:
        """Tell whether the run was saved after its last evaluation, and short of its end.

        One whose training is over is finished whatever its last evaluation found; one that was
        saved before it comes to that evaluation again.
        """
        last = open_published(RunFolder(self.path).last)
        if last is None:
            return False
        state = read_state(last.path)
        return not state.finished and state.step >= self._looks()[-1]["step"]

    def _train(self, materials: Materials, watch: pipeline.Watch, stop: Callable[[], bool]) -> None:
        hopeless = False

        def look(event: str, values: dict[str, Any]) -> None:
            nonlocal hopeless
            if event == "evaluation" and values["split"] == "validation":
                hopeless = self.judge(self.evaluations())
            watch(event, values)

        settings: dict[str, Any] = {
            "watch": look,
            "materials": materials,
            "stop": lambda: hopeless or stop(),
        }
        if self.recipe.training.select != self.metric:
            tuned, _ = pipeline.prepare(self.recipe, materials)
            require_metric(tuned, self.metric, at="sweep.metric")
        try:
            if RunFolder(self.path).recipe.is_file():
                pipeline.resume(self.path, **settings)
            else:
                # A folder without a recipe is what a kill left of a run that had not begun.
                shutil.rmtree(self.path, ignore_errors=True)
                pipeline.train(self.recipe, out=self.path, **settings)
        except RunInterruptedError:
            if hopeless:
                self._given_up()
            elif not stop():
                raise

    def _given_up(self) -> Outcome:
        return self._ended(Outcome("pruned", self._last()))

    def _failed(self, error: LoratoryError) -> Outcome:
        self.path.mkdir(exist_ok=True)
        return self._ended(Outcome("failed", None, error.headline, error.code))

    def _ended(self, outcome: Outcome) -> Outcome:
        write_json(self.path / _END, asdict(outcome))
        return outcome

    def _last(self) -> float | None:
        return next(reversed(self.evaluations().values()), None)
