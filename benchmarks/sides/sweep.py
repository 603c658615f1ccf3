"""Loratory sweeps: the whole command but for Python's start, base, tokens and table included."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.job import job_recipe
from benchmarks.sides.serve import Answer, serve
from benchmarks.sides.train import check
from loratory.experiments.sweep import sweep
from loratory.runs.environment import peak_memory_mb


class Timed:
    """The job's sweep, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        self.recipe = job_recipe(folder, settings)

    def __call__(self) -> Answer:
        """Sweep once in a new folder."""
        with tempfile.TemporaryDirectory() as out:
            before = time.perf_counter()
            found = sweep(self.recipe, out=Path(out) / "sweep").result
            seconds = time.perf_counter() - before
        states = [trial["state"] for trial in found["trials"]]
        # Each trial counts from its own start.
        peaks = [trial["costs"]["peak_memory_mb"] or 0.0 for trial in found["trials"]]
        return {
            "seconds": seconds,
            "peak_memory_mb": max(peak_memory_mb(), *peaks),
            "precision": "float32",
            "best": found["best"]["value"],
            "finished": states.count("finished"),
            "pruned": states.count("pruned"),
        }


if __name__ == "__main__":
    serve(check, Timed)
