"""One trial: an ordinary run that is begun, gone on with, given up, or found finished.

What it came to is read off its run folder, so that asking twice does nothing twice.
"""

import gc
import shutil
from collections.abc import Callable
from dataclasses import dataclass
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
_NO_MEMORY = "RES-MEM"


@dataclass(frozen=True)
class Outcome:
    """What a trial came to."""

    state: State
    value: float | None
    """Of the metric: at the best checkpoint; of a trial that did not finish, its last."""

    problem: str | None = None
    """Why it failed."""


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
            if not (isinstance(error, _OF_THE_POINT) or error.code == _NO_MEMORY):
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
            return Outcome("finished", found["metrics"][self.metric])
        if (self.path / _END).is_file():
            told = read_json(self.path / _END)
            return Outcome(told["state"], told["value"], told["problem"])
        return Outcome("unfinished" if folder.recipe.is_file() else "waiting", self._last())

    def evaluations(self) -> dict[int, float]:
        """Return what evaluations 1, 2, … of the validation rows found."""
        found = [event[f"eval/{self.metric}"] for event in self._looks()]
        return dict(enumerate(found, start=1))

    def _looks(self) -> list[dict[str, Any]]:
        log = RunFolder(self.path).log
        events = read_events(log) if log.is_file() else []
        return [e for e in events if e["event"] == "evaluation" and e["split"] == "validation"]

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
        return self._ended(Outcome("failed", None, error.headline))

    def _ended(self, outcome: Outcome) -> Outcome:
        told = {"state": outcome.state, "value": outcome.value, "problem": outcome.problem}
        write_json(self.path / _END, told)
        return outcome

    def _last(self) -> float | None:
        return next(reversed(self.evaluations().values()), None)
