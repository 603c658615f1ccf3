"""From the recipe's task to the object that does it."""

from typing import assert_never

from transformers import PreTrainedTokenizerBase

from loratory.recipe.schema import ClassifyTask, TaskSection
from loratory.tasks.classify import Classify
from loratory.tasks.task import Task


def make_task(
    section: TaskSection,
    labels: tuple[str, ...],
    *,
    tokenizer: PreTrainedTokenizerBase,
    positions: int,
) -> Task:
    """Return the task of `section` over `labels`, for texts of as many tokens as `positions`."""
    match section:
        case ClassifyTask():
            return Classify(section, labels=labels, tokenizer=tokenizer, positions=positions)
        case _:
            assert_never(section)
