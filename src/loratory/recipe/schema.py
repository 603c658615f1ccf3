"""Every setting of a run, its default and its limits. The string under a field is its help text.

Nothing here imports torch: a wrong recipe is refused before anything heavy is loaded.
"""

from typing import Annotated, Self, get_args

from pydantic import Field, StrictInt, StrictStr, model_validator

from loratory.recipe.data import DataSection, Holdout, Limits, SetName
from loratory.recipe.method import (
    BitfitMethod,
    BottleneckMethod,
    FullMethod,
    HeadMethod,
    Ia3Method,
    LoraMethod,
    MethodSection,
    NoMethod,
    OwnMethod,
    PeftMethod,
    PrefixMethod,
    PromptMethod,
    trains_the_base,
)
from loratory.recipe.section import ClashError, Section, SplitName, Whole
from loratory.recipe.task import (
    ClassifyTask,
    Decoding,
    LabelWordsTask,
    Probe,
    Reads,
    SolvedExample,
    SpanQATask,
    TaskSection,
    TextTask,
    WrittenQATask,
    task_labels,
)
from loratory.recipe.training import Every, TrainingSection

__all__ = [
    "BitfitMethod",
    "BottleneckMethod",
    "ClassifyTask",
    "DataSection",
    "Decoding",
    "Every",
    "FullMethod",
    "HeadMethod",
    "Holdout",
    "Ia3Method",
    "LabelWordsTask",
    "Limits",
    "LoraMethod",
    "MethodSection",
    "NoMethod",
    "OwnMethod",
    "PeftMethod",
    "PrefixMethod",
    "Probe",
    "PromptMethod",
    "Reads",
    "Recipe",
    "Section",
    "SetName",
    "SolvedExample",
    "SpanQATask",
    "SplitName",
    "TaskSection",
    "TextTask",
    "TrainingSection",
    "Whole",
    "WrittenQATask",
    "task_labels",
    "trains_the_base",
]

_SET_READS: dict[str, Reads] = {
    "rotten_tomatoes": "labelled",
    "cola": "labelled",
    "query_wellformedness": "labelled",
    "squad": "questions",
    "squad_v2": "questions",
}
_ROWS = {
    "labelled": "texts with a class",
    "questions": "questions on a context",
    "texts": "plain texts",
}
_TASKS = [get_args(form)[0] for form in get_args(get_args(TaskSection)[0])]


class Recipe(Section):
    """One run: a base, a task, its data, a method and how to train."""

    name: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    """Name of the run; absent: the recipe file's name."""

    base: Annotated[StrictStr, Field(min_length=1)]
    """Base model: hub id, local folder, or an alias (see `loratory models`)."""

    task: TaskSection = ClassifyTask()
    """What a row means, what is predicted, how it is scored."""

    data: DataSection
    """Where the rows come from."""

    method: MethodSection = LoraMethod()
    """What trains."""

    training: TrainingSection = TrainingSection()
    """How the weights are updated."""

    seed: Annotated[StrictInt, Field(ge=0, lt=2**32)] = 0
    """Seed from which every random stream is derived."""

    @model_validator(mode="after")
    def _rows_fit_the_task(self) -> Self:
        reads = _SET_READS.get(self.data.name or "", self.task.reads)
        if reads != self.task.reads:
            fitting = [task.model_fields["kind"].default for task in _TASKS if task.reads == reads]
            raise ClashError(
                f"{self.data.name} holds {_ROWS[reads]}, and task {self.task.kind} is made of "
                f"{_ROWS[self.task.reads]}; set task.kind to {' or '.join(fitting)}, or name other "
                "data",
                between=(("data", "name"), ("task", "kind")),
            )
        return self

    @model_validator(mode="after")
    def _the_base_trains_in_float32(self) -> Self:
        if trains_the_base(self.method) and self.training.precision in {"bfloat16", "int8"}:
            raise ClashError(
                f"with this method ({self.method.kind}) weights of the base train, which takes "
                f"float32, and training.precision is {self.training.precision}; leave "
                "training.precision out",
                between=(("training", "precision"), ("method", "kind")),
            )
        return self

    @model_validator(mode="after")
    def _something_can_train(self) -> Self:
        if isinstance(self.method, HeadMethod) and not self.task.head:
            problem = "has no head that could train; set method.kind to none, or to lora"
        elif isinstance(self.method, NoMethod) and self.task.head:
            problem = "needs a trained head; set method.kind to head, or to lora"
        else:
            return self
        raise ClashError(
            f"task {self.task.kind} {problem}", between=(("method", "kind"), ("task", "kind"))
        )
