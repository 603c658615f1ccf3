"""Loratory trains: a whole run, timed from its start to its last step."""

import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.job import CHECKED_ROWS, from_check, job_recipe
from benchmarks.sides.serve import Answer, serve
from loratory import pipeline
from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.data.rows import Dataset
from loratory.inference.references import read_by_reference
from loratory.inference.tuned import Tuned, untrained
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.tasks.given import given_rows


@torch.inference_mode()
def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the loss of the first rows; of pairs also the answers' log-probability of a token."""
    recipe, dataset = given_rows(from_check(folder, job_recipe(folder, settings)))
    tuned = untrained(recipe)
    network, task = tuned.base.network.eval(), tuned.task
    rows = first_rows(tuned, dataset)
    batch = flatten(rows, network.device, shared=network.shares)
    loss = task.loss(network, network(batch), batch)
    # A model that is its own reference has the same loss whatever it says of the answers.
    said = sum(value for name, value in loss.further().items() if name.startswith("logps/"))
    mean = [said / len(batch.targets)] if said else []
    return [float(loss.total) / loss.count, *mean]


def first_rows(tuned: Tuned, dataset: Dataset) -> Sequence[EncodedRow]:
    """Return the job's first rows; of pairs, with what the base says of them."""
    encoding = tuned.task.encode(dataset.rows("train")[:CHECKED_ROWS])
    return read_by_reference(tuned, encoding).rows


class Timed:
    """The job's training run, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        self.folder = folder
        self.recipe = job_recipe(folder, settings)

    def __call__(self) -> Answer:
        """Train once in a new folder."""
        out = next(
            path
            for number in itertools.count()
            if not (path := self.folder / f"run-{number}").exists()
        )
        times: dict[str, float] = {}
        values: dict[str, Any] = {}
        losses: list[float] = []

        def watch(event: str, given: dict[str, Any]) -> None:
            times[event] = time.perf_counter()
            values[event] = given
            if event == "step":
                losses.append(given["train/loss"])

        run = pipeline.train(self.recipe, out=out, watch=watch)
        made_of = read_json(RunFolder.open(run.path).environment)
        return {
            "seconds": times["step"] - times["start"],
            "peak_memory_mb": values["stop"]["peak_memory_mb"],
            "precision": made_of["compute"]["precision"],
            "mean_loss": statistics.mean(losses),
        }


if __name__ == "__main__":
    serve(check, Timed)
