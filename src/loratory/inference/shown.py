"""What a run keeps of prompting: the rows that were shown solved, and before which row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loratory.batching.rows import Encoding
from loratory.data.kept_rows import row_of_values, row_values
from loratory.data.rows import Dataset
from loratory.recipe.schema import PromptingMethod, Reads, Recipe, TrainingSection
from loratory.runs.json_files import read_json, write_json

_READ_BY_ALL = {"score_untuned", "select", "precision", "device", "threads", "micro_batch_tokens"}


def write_shown(path: Path, dataset: Dataset, encodings: Mapping[str, Encoding]) -> None:
    """Write the rows that may be shown, and for each row of each split the ids of those before it.

    Nothing is written where no row is shown.
    """
    if not dataset.examples:
        return
    before = {
        split: {row.id: ids for row, ids in zip(rows, encodings[split].examples, strict=True)}
        for split, rows in dataset.splits.items()
        if encodings[split].examples
    }
    rows = [row_values(row) for row in dataset.examples]
    write_json(path, {"rows": rows, "before": before})


def read_shown(path: Path, reads: Reads) -> tuple[Any, ...]:
    """Return the rows that may be shown; none where no file was written."""
    if not path.is_file():
        return ()
    return tuple(row_of_values(values, reads) for values in read_json(path)["rows"])


def unread_notes(recipe: Recipe) -> tuple[str, ...]:
    """Return a note on training settings that a recipe sets, and that prompting never reads."""
    if not isinstance(recipe.method, PromptingMethod):
        return ()
    usual, given = TrainingSection(), recipe.training
    names = [
        name
        for name in TrainingSection.model_fields
        if name not in _READ_BY_ALL and getattr(given, name) != getattr(usual, name)
    ]
    if not names:
        return ()
    settings = ", ".join(f"training.{name}" for name in names)
    return (f"method prompting trains nothing, so nothing reads {settings}",)
