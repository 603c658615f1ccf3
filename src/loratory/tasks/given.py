"""A recipe's rows, and the recipe with what it had left to them."""

from dataclasses import replace

from loratory.data.aside import with_kept_aside
from loratory.data.checks import refuse_unanswerable, refuse_without_steps
from loratory.data.load import load_dataset
from loratory.data.rows import Answer, Dataset, QuestionRow
from loratory.errors import ConfigError
from loratory.recipe.load import dump_recipe
from loratory.recipe.schema import (
    LabelWordsTask,
    NoMethod,
    PromptingMethod,
    Recipe,
    SpanQATask,
    WordProblemTask,
    WrittenQATask,
    task_labels,
)
from loratory.recipe.yaml_file import read_yaml_text
from loratory.tasks.examples import example_rows, no_examples
from loratory.tasks.make import completed


def given_rows(recipe: Recipe) -> tuple[Recipe, Dataset]:
    """Return the recipe with a complete task section, and its rows, split by split.

    Where a task chooses a threshold, the rows it does so on are a split of their own; the training
    rows that stand solved before each prompt are not trained on, for they would see their answer.

    Raises:
        DataError, ResourceError, SecurityError: as `load_dataset`.
        ConfigError: there are fewer training rows than are to be shown, or none beside them
            (CFG-RANGE); what the rows complete the task with is more than a recipe may hold
            (CFG-SIZE).
    """
    task = recipe.task
    dataset = load_dataset(recipe.data, task.reads, task_labels(task))
    check_rows(recipe, dataset)
    if isinstance(task, SpanQATask) and task.unanswerable:
        dataset = with_kept_aside(dataset, task.threshold_rows)
    task = completed(task, dataset)
    if isinstance(task, LabelWordsTask) and task.shots:
        dataset = _without_examples(dataset, task)
    dataset = replace(dataset, examples=example_rows(recipe, dataset))
    if task != recipe.task:
        recipe = recipe.model_copy(update={"task": task})
        _refuse_unreadable(recipe)
    return recipe, dataset


def _refuse_unreadable(recipe: Recipe) -> None:
    """Refuse more classes and solved examples than the run's own recipe may hold (CFG-SIZE)."""
    try:
        read_yaml_text(dump_recipe(recipe), "recipe.yaml")
    except ConfigError as error:
        labels = task_labels(recipe.task) or ()
        raise ConfigError(
            error.code,
            "the classes and solved examples that the data gives make the run's recipe too large",
            at="data.train",
            got=f"a set of {len(labels):,} classes",
            expected=error.expected,
            fix="show fewer or shorter solved examples (task.shots), or name fewer classes; is "
            "data.label the right column?",
        ) from None


def _without_examples(dataset: Dataset, task: LabelWordsTask) -> Dataset:
    shown = {example.text for example in task.examples}
    train = tuple(row for row in dataset.rows("train") if row.text not in shown)
    if not train:
        raise no_examples("task.shots", task.shots, "fewer than all texts that differ")
    return replace(dataset, splits={**dataset.splits, "train": train})


def check_rows(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse rows that the task's own rules have no place for.

    Raises:
        DataError: questions without an answer where every one must have one (DATA-VERSION), or
            training problems without steps where these are learned or shown (DATA-COL).
    """
    if needs_steps(recipe):
        refuse_without_steps(dataset.splits.get("train", ()))
    if isinstance(recipe.task, SpanQATask) and not recipe.task.unanswerable:
        for rows in dataset.splits.values():
            refuse_unanswerable(rows)


def needs_steps(recipe: Recipe) -> bool:
    """Tell whether the steps of training problems are learned from, or shown."""
    if not isinstance(recipe.task, WordProblemTask) or recipe.task.writes != "steps":
        return False
    match recipe.method:
        case NoMethod():
            return False
        case PromptingMethod():
            return recipe.method.examples.k > 0
        case _:
            return True


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
