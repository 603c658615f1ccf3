"""The peer of prompting: transformers reads each full prompt alone, and its last token's scores."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from benchmarks.job import CHECKED_ROWS, job_recipe
from benchmarks.sides.ask import PROMPTS
from benchmarks.sides.serve import Answer, serve
from loratory.recipe.base import base_name
from loratory.runs.environment import peak_memory_mb


class Timed:
    """The rows' classes, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        del settings
        recipe = job_recipe(folder)
        given = json.loads((folder / PROMPTS).read_text(encoding="utf-8"))
        self.prompts, self.words = given["prompts"], given["words"]
        self.labels = recipe.task.labels or ()  # type: ignore[union-attr]  # a task of classes
        base = base_name(recipe.base)
        self.model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()

    @torch.inference_mode()
    def scores(self, prompt: Sequence[int]) -> list[float]:
        """Return the probabilities of the classes' words."""
        ids = torch.tensor([prompt])
        last = self.model(ids, use_cache=False, logits_to_keep=1).logits[0, -1]
        found: list[float] = last[self.words].softmax(0).tolist()
        return found

    def __call__(self) -> Answer:
        """Ask once."""
        before = time.perf_counter()
        found = [self.scores(prompt) for prompt in self.prompts]
        return {
            "seconds": time.perf_counter() - before,
            "peak_memory_mb": peak_memory_mb(),
            "precision": "float32",
            "answers": [self.labels[scores.index(max(scores))] for scores in found],
        }


def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the probability of the first class, of the first rows."""
    asked = Timed(folder, settings)
    return [asked.scores(prompt)[0] for prompt in asked.prompts[:CHECKED_ROWS]]


if __name__ == "__main__":
    serve(check, Timed)
