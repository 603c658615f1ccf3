"""A task that reads texts, without the weights of its base: what fits, and what would be cut."""

from collections.abc import Sequence
from typing import Any

from loratory.data.rows import AnyRow
from loratory.errors import DataError
from loratory.inference.shown import read_shown
from loratory.inference.tuned import trained_adapter, trained_recipe
from loratory.methods.elsewhere import settled
from loratory.methods.virtual_start import positions_left
from loratory.models.make import tokenizer_for
from loratory.recipe.schema import Recipe
from loratory.runs.folder import RunFolder
from loratory.tasks.make import make_task, shown_before
from loratory.tasks.task import Task


def reading_task(recipe: Recipe, examples: Sequence[AnyRow] = ()) -> Task:
    """Return the task of a completed recipe, with some of these solved rows before its prompts.

    Raises:
        ConfigError: the method leaves the base no position for a text, or it cannot read texts as
            long as the task allows.
        ModelError, SecurityError, ResourceError: the base, or the adapter to begin with, cannot be
            read or trusted.
    """
    tokenizer, positions = tokenizer_for(recipe.base)
    positions = positions_left(settled(recipe.method), positions)
    task = make_task(recipe.task, tokenizer=tokenizer, positions=positions)
    return shown_before(task, recipe.method, examples)


def task_of_run(folder: RunFolder) -> Task:
    """Return the task of a finished run, which reads texts as the run does.

    Raises:
        RunError: the run has not finished, or is damaged.
        ConfigError, ModelError, SecurityError, ResourceError: as `reading_task`.
    """
    recipe = trained_recipe(folder, trained_adapter(folder))
    return reading_task(recipe, read_shown(folder.shown, recipe.task.reads))


def readable(task: Task, rows: Sequence[Any]) -> list[Any]:
    """Return the rows that the task can read: whole where it can, else of each half."""
    if not rows:
        return []
    try:
        task.encode(rows)
    except DataError:
        middle = len(rows) // 2
        if not middle:
            return []
        return [*readable(task, rows[:middle]), *readable(task, rows[middle:])]
    return list(rows)
