"""From the recipe's task to the object that does it."""

from collections.abc import Sequence
from typing import Any, assert_never

from transformers import PreTrainedTokenizerBase

from loratory.data.rows import AnyRow, Dataset
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    MethodSection,
    PreferenceTask,
    PromptingMethod,
    SpanQATask,
    TaskSection,
    TextTask,
    WordProblemTask,
    WrittenQATask,
)
from loratory.tasks.classify import Classify
from loratory.tasks.examples import examples_of
from loratory.tasks.label_words import LabelWords, drawn_examples
from loratory.tasks.preference import Preference
from loratory.tasks.span_qa import SpanQA
from loratory.tasks.task import Showing, Task
from loratory.tasks.text import PlainText
from loratory.tasks.word_problem import WordProblem
from loratory.tasks.written_qa import WrittenQA


def completed(section: TaskSection, dataset: Dataset) -> TaskSection:
    """Return the section with what it leaves to the data: class names, solved examples."""
    match section:
        case ClassifyTask():
            return section.model_copy(update={"labels": dataset.labels})
        case LabelWordsTask():
            examples = section.examples
            if section.shots and not examples:
                examples = drawn_examples(dataset.rows("train"), section.shots, dataset.labels)
            return section.model_copy(update={"labels": dataset.labels, "examples": examples})
        case SpanQATask() | WrittenQATask() | TextTask() | PreferenceTask() | WordProblemTask():
            return section
        case _:
            assert_never(section)


def make_task(  # noqa: PLR0911 - one case a task
    section: TaskSection, *, tokenizer: PreTrainedTokenizerBase, positions: int
) -> Task:
    """Return the task of a completed section, for texts of as many tokens as `positions`."""
    given: dict[str, Any] = {"tokenizer": tokenizer, "positions": positions}
    match section:
        case ClassifyTask():
            return Classify(section, labels=section.labels or (), **given)
        case LabelWordsTask():
            return LabelWords(section, labels=section.labels or (), **given)
        case SpanQATask():
            return SpanQA(section, **given)
        case WrittenQATask():
            return WrittenQA(section, **given)
        case TextTask():
            return PlainText(section, **given)
        case PreferenceTask():
            return Preference(section, **given)
        case WordProblemTask():
            return WordProblem(section, **given)
        case _:
            assert_never(section)


def shown_before(task: Task, method: MethodSection, rows: Sequence[AnyRow]) -> Task:
    """Return the task with some of these solved rows before its prompts, as the method chooses."""
    if not rows:
        return task
    assert isinstance(method, PromptingMethod)
    assert isinstance(task, Showing)
    return task.showing(examples_of(method, rows))


def reads_vocabulary(section: TaskSection) -> bool:
    """Tell whether the task reads the base's own words, and so needs its output matrix."""
    match section:
        case LabelWordsTask() | WrittenQATask() | TextTask() | PreferenceTask() | WordProblemTask():
            return True
        case ClassifyTask() | SpanQATask():
            return False
        case _:
            assert_never(section)
