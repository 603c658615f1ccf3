"""Loratory predicts: the classes of texts, by a finished run or what it was exported to."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.job import CHECKED_ROWS
from benchmarks.sides.serve import Answer, serve
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned
from loratory.runs.environment import peak_memory_mb

RUN, TEXTS = "run", "texts.json"


def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the probability of the first class, of the first texts."""
    tuned, texts = _loaded(folder, settings)
    first = (tuned.recipe.task.labels or ())[0]  # type: ignore[union-attr]  # texts with a class
    return [line.scores[first] for line in tuned.predict(texts[:CHECKED_ROWS])]


class Timed:
    """The texts' classes, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        self.tuned, self.texts = _loaded(folder, settings)

    def __call__(self) -> Answer:
        """Predict once."""
        before = time.perf_counter()
        lines = self.tuned.predict(self.texts)
        return {
            "seconds": time.perf_counter() - before,
            "peak_memory_mb": peak_memory_mb(),
            "precision": self.tuned.compute.precision,
            "answers": [line.prediction for line in lines],
        }


def _loaded(folder: Path, settings: Sequence[str]) -> tuple[Tuned, list[str]]:
    given = dict(setting.split("=", 1) for setting in settings)
    texts = json.loads((folder / TEXTS).read_text(encoding="utf-8"))["ours"]
    return open_model(folder / RUN, overrides=given), texts


if __name__ == "__main__":
    serve(check, Timed)
