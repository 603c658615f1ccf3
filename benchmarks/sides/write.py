"""Loratory writes on after many prompts, the likeliest token each time."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.job import CHECKED_ROWS, job_recipe
from benchmarks.sides.serve import Answer, serve
from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.inference.generate import generate
from loratory.models.load import load_base
from loratory.recipe.base import base_name
from loratory.recipe.schema import Decoding
from loratory.runs.environment import peak_memory_mb
from loratory.tasks.task import Writing
from loratory.train.compute import choose_compute

PROMPTS = "prompts.json"


class Timed:
    """What is written after the prompts, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        recipe = job_recipe(folder, settings)
        given = json.loads((folder / PROMPTS).read_text(encoding="utf-8"))
        self.prompts: list[list[int]] = given["prompts"]
        # Nothing ends a text, so that both sides write as many tokens.
        self.writing = Writing(Decoding(max_new_tokens=given["new_tokens"]), ())
        self.network = load_base(base_name(recipe.base), language_head=True).network
        self.compute = choose_compute(recipe.training, self.network.config.hidden_size)
        self.network.move(self.compute.device, self.compute.dtype)
        self.network.eval()

    def __call__(self) -> Answer:
        """Write once."""
        before = time.perf_counter()
        written = generate(
            self.network,
            self.prompts,
            self.writing,
            seed=0,
            tokens_at_once=self.compute.tokens_at_once,
        )
        return {
            "seconds": time.perf_counter() - before,
            "peak_memory_mb": peak_memory_mb(),
            "precision": self.compute.precision,
            "answers": [list(one.tokens) for one in written],
        }


@torch.inference_mode()
def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the log-probability of the likeliest token after each of the first prompts."""
    wrote = Timed(folder, settings)
    prompts = wrote.prompts[:CHECKED_ROWS]
    rows = [EncodedRow((tuple(prompt),), (len(prompt) - 1,), (0,)) for prompt in prompts]
    batch = flatten(rows, wrote.network.device)
    logits = wrote.network.logits(wrote.network(batch)[batch.read_at])
    found: list[float] = logits.log_softmax(-1).amax(-1).tolist()
    return found


if __name__ == "__main__":
    serve(check, Timed)
