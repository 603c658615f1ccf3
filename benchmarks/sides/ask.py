"""Loratory asks a base by prompt, with solved examples: the classes of rows, nothing trained."""

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.job import CHECKED_ROWS, job_recipe
from benchmarks.sides.serve import Answer, serve
from loratory.inference.materials import Materials
from loratory.runs.environment import peak_memory_mb

PROMPTS = "prompts.json"


class Timed:
    """The rows' classes, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        materials = Materials()
        recipe, dataset = materials.rows(job_recipe(folder, settings))
        self.tuned = materials.untrained(recipe).showing(dataset.examples)
        self.rows = dataset.rows("validation")
        self.encoding = self.tuned.task.encode(self.rows)

    def __call__(self) -> Answer:
        """Ask once."""
        before = time.perf_counter()
        found = self.tuned.evaluate(self.rows, self.encoding)
        return {
            "seconds": time.perf_counter() - before,
            "peak_memory_mb": peak_memory_mb(),
            "precision": self.tuned.compute.precision,
            "answers": [line.prediction for line in found.predictions],
        }


def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the probability of the first class, of the first rows."""
    asked = Timed(folder, settings)
    lines = asked.tuned.answer(asked.rows[:CHECKED_ROWS])
    return [next(iter(line.scores.values())) for line in lines]


if __name__ == "__main__":
    serve(check, Timed)
