"""What a run looks at: the base before training, validation rows on the way, the rest at the end.

Each look keeps its prediction lines in the run folder and tells the log what it found.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loratory.errors import DataError
from loratory.inference.result import UNTUNED, RunInput
from loratory.inference.tuned import Evaluation, Tuned
from loratory.metrics.predictions import Prediction, read_predictions, write_predictions
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import write_json
from loratory.tasks.given import probe_rows
from loratory.tasks.task import Settling
from loratory.train.fit import Tell, Validation

PROBES = "probes"
"""Names what is asked before and after training and never scored."""


@dataclass(frozen=True)
class Looks:
    """The looks of one run."""

    tuned: Tuned
    given: RunInput
    folder: RunFolder
    tell: Tell

    def before_training(self) -> None:
        """Keep what the base says as it is, where the recipe asks; once, also in a resumed run."""
        if self.tuned.recipe.training.score_untuned:
            for split in ("validation", "test"):
                path = self.folder.predictions(f"{UNTUNED}-{split}")
                if split in self.given.encodings and not path.is_file():
                    self._score_untuned(split)
        self._ask_probes(f"{UNTUNED}-{PROBES}")

    def validation(self) -> Validation | None:
        """Return how to look at the validation rows, None where there are none."""
        if "validation" not in self.given.encodings:
            return None
        metric = self.tuned.recipe.training.select or self.tuned.task.main_metric
        path = self.folder.predictions("validation")

        def evaluate(step: int, epoch: float) -> tuple[dict[str, float], Callable[[], None]]:
            found = self.evaluate("validation", step=step, epoch=epoch)
            if metric not in found.scores.metrics:
                raise _no_metric(metric, found.scores.metrics)
            return found.scores.metrics, lambda: write_predictions(path, found.predictions)

        return Validation(metric, evaluate)

    def after_training(self, *, step: int, epoch: float) -> None:
        """Choose what the task leaves to rows kept aside, then look at the test rows by it."""
        last = replace(self, tuned=self._settled(step=step, epoch=epoch))
        if "test" in self.given.encodings:
            found = last.evaluate("test", step=step, epoch=epoch)
            write_predictions(self.folder.predictions("test"), found.predictions)
        last._ask_probes(PROBES)

    def evaluate(self, split: str, *, step: int, epoch: float) -> Evaluation:
        """Score the rows of `split`."""
        before = time.perf_counter()
        found = self.tuned.evaluate(self.given.dataset.rows(split), self.given.encodings[split])
        self.tell(
            "evaluation",
            step=step,
            epoch=epoch,
            split=split,
            seconds=time.perf_counter() - before,
            tokens=found.tokens,
            **{"eval/loss": found.loss},
            **{f"eval/{name}": value for name, value in found.scores.metrics.items()},
        )
        return found

    def _score_untuned(self, split: str) -> None:
        before = time.perf_counter()
        found = self.tuned.evaluate(self.given.dataset.rows(split), self.given.encodings[split])
        write_predictions(self.folder.predictions(f"{UNTUNED}-{split}"), found.predictions)
        seconds = time.perf_counter() - before
        self.tell("untuned", split=split, seconds=seconds, tokens=found.tokens)

    def _ask_probes(self, name: str) -> None:
        path, rows = self.folder.predictions(name), probe_rows(self.tuned.recipe)
        if rows and not path.is_file():
            write_predictions(path, self.tuned.answer(rows))

    def _settled(self, *, step: int, epoch: float) -> Tuned:
        task = self.tuned.task
        if not isinstance(task, Settling) or task.settles_on not in self.given.encodings:
            return self.tuned
        path = self.folder.predictions("validation")
        if task.settles_on == "validation":
            lines = shown = self._undecided(path)
        else:
            lines = self.evaluate(task.settles_on, step=step, epoch=epoch).predictions
            shown = read_predictions(path) if path.is_file() else []
        values = task.settle(lines)
        write_json(self.folder.settled, values)
        task = task.settled(values)
        if shown:
            write_predictions(path, [task.decided(line) for line in shown])
        return replace(self.tuned, task=task)

    def _undecided(self, path: Path) -> list[Prediction]:
        """Return the lines of the validation rows as they are before anything is chosen."""
        if not self.folder.settled.is_file():
            return read_predictions(path)
        # A kill came after the choice, and the lines on the disk may be from before or after it.
        rows, encoding = self.given.dataset.rows("validation"), self.given.encodings["validation"]
        return self.tuned.evaluate(rows, encoding).predictions


def _no_metric(metric: str, found: Mapping[str, float]) -> DataError:
    return DataError(
        "EVAL-MISSING",
        f"the validation rows have no {metric} to choose the best checkpoint by",
        at="training.select",
        expected=" or ".join(found),
        fix="set training.select to one of these, or add validation rows of the other kind",
    )
