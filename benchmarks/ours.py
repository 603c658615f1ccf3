"""Loratory's side: the command line itself, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.rows import write_tokens
from loratory.inference.tuned import untrained
from loratory.methods.trained import trained_parameters
from loratory.recipe.load import load_recipe
from loratory.tasks.given import given_rows

BASE = "smollm2-135m"
CHECKED_ROWS = 32
# Enough that the loss says something of every layer, little enough to stay one of a language model.
_STIRRED = 0.02


def write_start(rows: Path) -> tuple[str, float]:
    """Write what the peer starts from into `rows`; return the base's folder and a loss to compare.

    That is the rows' tokens; the adapter that training starts from, in `start`; and in `check`
    one whose update and head are not zero, as they are at the start, when every loss is log 2. The
    loss is that of the latter on the first test rows.
    """
    # In the peer's number format, so that the two losses can be compared.
    recipe, dataset = given_rows(
        load_recipe("quickstart", [*_settings(rows), "training.precision=float32"])
    )
    tuned = untrained(recipe)
    network, task = tuned.base.network, tuned.task
    write_tokens(rows, dataset.splits, task)
    tuned.method.save(tuned.base, rows / "start", heads=task.heads)
    generator = torch.Generator().manual_seed(0)
    for parameter in trained_parameters(network).values():
        stirred = torch.randn(parameter.shape, generator=generator) * _STIRRED
        parameter.data += stirred.to(parameter.device)
    tuned.method.save(tuned.base, rows / "check", heads=task.heads)
    checked = dataset.rows("test")[:CHECKED_ROWS]
    return str(tuned.base.source.folder), tuned.evaluate(checked, task.encode(checked)).loss


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
