"""The rows both sides read: those of a recipe, written as JSON Lines."""

import json
from collections.abc import Iterable
from pathlib import Path

from loratory.data.load import load_dataset
from loratory.data.rows import Row
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import task_labels


def write_rows(folder: Path, *, train: int, test: int) -> None:
    """Write `train.jsonl` and `test.jsonl`: sentences of the quickstart's recipe, as many."""
    recipe = load_recipe("quickstart", {"data.limit.train": train, "data.limit.test": test})
    dataset = load_dataset(recipe.data, recipe.task.reads, task_labels(recipe.task))
    for split in ("train", "test"):
        _write(folder / f"{split}.jsonl", dataset.rows(split))


def _write(path: Path, rows: Iterable[Row]) -> None:
    lines = [json.dumps({"text": row.text, "label": row.label}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
