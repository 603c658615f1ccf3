"""A recipe's rows, and the recipe with what it had left to them."""

from loratory.data.aside import with_kept_aside
from loratory.data.checks import refuse_unanswerable
from loratory.data.load import load_dataset
from loratory.data.rows import Answer, Dataset, QuestionRow
from loratory.recipe.schema import Recipe, SpanQATask, WrittenQATask, task_labels
from loratory.tasks.make import completed


def given_rows(recipe: Recipe) -> tuple[Recipe, Dataset]:
    """Return the recipe with a complete task section, and its rows, split by split.

    Where a task chooses a threshold, the rows it does so on are a split of their own.

    Raises:
        DataError, ResourceError, SecurityError: as `load_dataset`.
    """
    task = recipe.task
    dataset = load_dataset(recipe.data, task.reads, task_labels(task))
    check_rows(recipe, dataset)
    if isinstance(task, SpanQATask) and task.unanswerable:
        dataset = with_kept_aside(dataset, task.threshold_rows)
    return recipe.model_copy(update={"task": completed(task, dataset)}), dataset


def check_rows(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse rows that the task's own rules have no place for.

    Raises:
        DataError: questions without an answer where every one must have one (DATA-VERSION).
    """
    if isinstance(recipe.task, SpanQATask) and not recipe.task.unanswerable:
        for rows in dataset.splits.values():
            refuse_unanswerable(rows)


def probe_rows(recipe: Recipe) -> list[QuestionRow]:
    """Return the questions that are asked before and after training, as rows."""
    if not isinstance(recipe.task, WrittenQATask):
        return []
    return [
        QuestionRow(
            id=f"probe/{number}",
            question=probe.question,
            context=probe.context,
            answers=(Answer(probe.answer, probe.context.find(probe.answer)),),
            place=f"task.probes[{number}]",
        )
        for number, probe in enumerate(recipe.task.probes)
    ]
