"""Loratory's side: the command line itself, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from loratory.data.load import load_dataset
from loratory.inference.tuned import untrained
from loratory.methods.apply import save_trained
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import task_labels

BASE = "smollm2-135m"


def start_adapter(rows: Path, folder: Path) -> tuple[str, float]:
    """Write the adapter that training starts from; return the base's folder and its first loss."""
    # In the peer's number format, so that the two first losses can be compared.
    recipe = load_recipe("quickstart", [*_settings(rows), "training.precision=float32"])
    tuned = untrained(recipe, ("negative", "positive"))
    base = str(tuned.base.source.folder)
    save_trained(tuned.base.network, recipe.method, folder, base=base, heads=tuned.task.heads)
    labels = task_labels(tuned.recipe.task)
    test = load_dataset(recipe.data, recipe.task.reads, labels).rows("test")[:32]
    return base, tuned.evaluate(test, tuned.task.encode(test)).loss


def run(rows: Path, out: Path) -> dict[str, Any]:
    """Run `loratory train` on the rows; return what benchmarks.stock returns."""
    command = [sys.executable, "-m", "loratory", "train", "quickstart", "--json"]
    done = subprocess.run(
        [*command, *_settings(rows), "--out", str(out)],
        stdout=subprocess.PIPE,
        check=True,
    )
    result = json.loads(done.stdout)
    test = result["evaluation"]["test"]
    return {
        "train_seconds": result["seconds"],
        "train_tokens": result["train_tokens"],
        "evaluate_seconds": test["seconds"],
        "evaluate_tokens": test["tokens"],
        "peak_memory_mb": result["peak_memory_mb"],
        "accuracy": test["metrics"]["accuracy"],
    }


def _settings(rows: Path) -> list[str]:
    return [
        f"base={BASE}",
        "data.name=null",
        "data.holdout=null",
        "data.limit=null",
        f"data.train={rows / 'train.jsonl'}",
        f"data.test={rows / 'test.jsonl'}",
        "training.select=null",
    ]
