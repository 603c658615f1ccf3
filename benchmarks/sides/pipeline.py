"""The peer of prediction: transformers' pipeline with the merged model, in batches."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import pipeline

from benchmarks.job import CHECKED_ROWS
from benchmarks.sides.predict import TEXTS
from benchmarks.sides.serve import Answer, serve
from loratory.runs.environment import peak_memory_mb

MERGED = "merged"
BATCH = 32


def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the probability of the first class, of the first texts."""
    del settings
    classify, texts = _loaded(folder)
    first = classify.model.config.id2label[0]
    return [
        next(entry["score"] for entry in found if entry["label"] == first)
        for found in classify(texts[:CHECKED_ROWS], top_k=None)
    ]


class Timed:
    """The texts' classes, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        del settings
        self.classify, self.texts = _loaded(folder)

    def __call__(self) -> Answer:
        """Predict once."""
        before = time.perf_counter()
        found = self.classify(self.texts)
        return {
            "seconds": time.perf_counter() - before,
            "peak_memory_mb": peak_memory_mb(),
            "precision": "float32",
            "answers": [entry["label"] for entry in found],
        }


def _loaded(folder: Path) -> tuple[Any, list[str]]:
    texts = json.loads((folder / TEXTS).read_text(encoding="utf-8"))["stock"]
    model = str(folder / MERGED)
    return pipeline("text-classification", model=model, device="cpu", batch_size=BATCH), texts


if __name__ == "__main__":
    serve(check, Timed)
