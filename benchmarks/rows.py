"""The rows both sides read, as JSON Lines: texts for us, and the very same tokens for the peer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from loratory.data.load import load_dataset
from loratory.data.rows import Row
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import task_labels
from loratory.tasks.task import Task


def write_rows(folder: Path, *, train: int, test: int) -> None:
    """Write `train.jsonl` and `test.jsonl`: sentences of the quickstart's recipe, as many."""
    recipe = load_recipe("quickstart", {"data.limit.train": train, "data.limit.test": test})
    dataset = load_dataset(recipe.data, recipe.task.reads, task_labels(recipe.task))
    for split in ("train", "test"):
        rows = dataset.rows(split)
        _write(folder / f"{split}.jsonl", ({"text": row.text, "label": row.label} for row in rows))


def write_tokens(folder: Path, rows: Mapping[str, Sequence[Row]], task: Task) -> None:
    """Write `SPLIT-tokens.jsonl` for each split: its rows as `task` encodes them."""
    for split, found in rows.items():
        encoded = task.encode(found).rows
        lines = ({"input_ids": row.tokens, "labels": row.targets[0]} for row in encoded)
        _write(folder / f"{split}-tokens.jsonl", lines)


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
