"""The distillation section: who teaches beside the labels, and what else there is to learn from."""

from typing import Annotated

from pydantic import Field, StrictInt, StrictStr

from loratory.recipe.method import MethodSection, NoMethod, PromptingMethod
from loratory.recipe.section import ClashError, Number, Section
from loratory.recipe.task import ClassifyTask, LabelWordsTask, TaskSection


class DistillationSection(Section):
    """Learn from what a teacher says of each class, not from the right one alone.

    loss of a row = alpha · T² · KL(teacher_T ‖ student_T) + (1 - alpha) · cross-entropy
    """

    teacher: Annotated[StrictStr, Field(min_length=1)]
    """Folder of a finished run with the same classes, or, for label words, a base as it is."""

    temperature: Annotated[Number, Field(gt=0)] = 2.0
    """T: both sides' logits are divided by it; above 1 unlikely classes count for more."""

    alpha: Annotated[Number, Field(ge=0, le=1)] = 0.5
    """Weight of the teacher; the labels have the rest."""

    extra: Annotated[StrictStr, Field(min_length=1)] | None = None
    """File of texts without labels, one a line or in column data.text: there only the teacher
    counts."""

    perturbed: Annotated[StrictInt, Field(ge=0)] = 0
    """Altered copies of each training text that the teacher judges too: words left out, exchanged,
    repeated or replaced."""


def refuse_no_lesson(task: TaskSection, method: MethodSection) -> None:
    """Refuse a teacher where there is nothing to compare with it, or nothing that could learn.

    Raises:
        ClashError: the task tells no classes, or by another score; or nothing trains.
    """
    if not isinstance(task, ClassifyTask | LabelWordsTask):
        raise ClashError(
            f"a teacher speaks of classes, and task {task.kind} has none; leave distillation out, "
            "or set task.kind to classify or label_words",
            between=(("distillation",), ("task", "kind")),
        )
    if isinstance(task, LabelWordsTask) and task.score != "sum":
        raise ClashError(
            f"a teacher is compared with by the score sum, and task.score is {task.score}; set "
            "task.score to sum",
            between=(("task", "score"), ("distillation",)),
        )
    if isinstance(method, NoMethod | PromptingMethod):
        raise ClashError(
            "nothing trains that could learn from a teacher; set method.kind to lora, or leave "
            "distillation out",
            between=(("method", "kind"), ("distillation",)),
        )
