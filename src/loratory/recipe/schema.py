"""Every setting of a run, its default and its limits. The string under a field is its help text.

Nothing here imports torch: a wrong recipe is refused before anything heavy is loaded.
"""

from typing import Annotated, Self

from pydantic import Field, StrictInt, StrictStr, model_validator

from loratory.recipe.base import BaseSection, RecurrentBase, base_name, refuse_unfit
from loratory.recipe.data import (
    DataSection,
    Holdout,
    Limits,
    SetName,
    rows_in_words,
    rows_of_set,
)
from loratory.recipe.decoding import Decoding
from loratory.recipe.distillation import DistillationSection, refuse_no_lesson
from loratory.recipe.method import (
    METHODS,
    BitfitMethod,
    BottleneckMethod,
    ExampleChoice,
    FullMethod,
    HeadMethod,
    Ia3Method,
    LoraMethod,
    MethodSection,
    NoMethod,
    OwnMethod,
    PeftMethod,
    PrefixMethod,
    PromptingMethod,
    PromptMethod,
    trains_the_base,
)
from loratory.recipe.preference import (
    HingeLoss,
    IpoLoss,
    OrpoLoss,
    PreferenceLoss,
    PreferenceTask,
    RobustLoss,
    SigmoidLoss,
    SimpoLoss,
)
from loratory.recipe.quantization import (
    Int4Quantization,
    Int8Quantization,
    QuantizationSection,
    refuse_unshippable,
)
from loratory.recipe.section import ClashError, Reads, Section, SplitName, Whole
from loratory.recipe.streams import SEED_COUNT
from loratory.recipe.sweep import SweepSection
from loratory.recipe.task import (
    TASKS,
    ClassifyTask,
    LabelWordsTask,
    Probe,
    SolvedExample,
    SpanQATask,
    TaskSection,
    TextTask,
    WrittenQATask,
    task_labels,
)
from loratory.recipe.track import TrackSection
from loratory.recipe.training import Every, TrainingSection
from loratory.recipe.word_problem import SolvedProblem, WordProblemTask

__all__ = [
    "METHODS",
    "TASKS",
    "BaseSection",
    "BitfitMethod",
    "BottleneckMethod",
    "ClassifyTask",
    "DataSection",
    "Decoding",
    "DistillationSection",
    "Every",
    "ExampleChoice",
    "FullMethod",
    "HeadMethod",
    "HingeLoss",
    "Holdout",
    "Ia3Method",
    "Int4Quantization",
    "Int8Quantization",
    "IpoLoss",
    "LabelWordsTask",
    "Limits",
    "LoraMethod",
    "MethodSection",
    "NoMethod",
    "OrpoLoss",
    "OwnMethod",
    "PeftMethod",
    "PreferenceLoss",
    "PreferenceTask",
    "PrefixMethod",
    "Probe",
    "PromptMethod",
    "PromptingMethod",
    "QuantizationSection",
    "Reads",
    "Recipe",
    "RecurrentBase",
    "RobustLoss",
    "Section",
    "SetName",
    "SigmoidLoss",
    "SimpoLoss",
    "SolvedExample",
    "SolvedProblem",
    "SpanQATask",
    "SplitName",
    "SweepSection",
    "TaskSection",
    "TextTask",
    "TrainingSection",
    "Whole",
    "WordProblemTask",
    "WrittenQATask",
    "base_name",
    "task_labels",
    "trains_the_base",
]


class Recipe(Section):
    """One run: a base, a task, its data, a method and how to train."""

    name: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    """Name of the run; absent: the recipe file's name."""

    base: BaseSection
    """Base model: hub id, local folder, or an alias (see `loratory models`); or a section that
    describes a new network."""

    task: TaskSection = ClassifyTask()
    """What a row means, what is predicted, how it is scored."""

    data: DataSection
    """Where the rows come from."""

    method: MethodSection = LoraMethod()
    """What trains."""

    quantization: QuantizationSection | None = None
    """Whole numbers to which the base's linear layers are rounded while training, as they will be
    when the model is shipped; absent: not at all."""

    distillation: DistillationSection | None = None
    """A teacher beside the labels; absent: the labels alone."""

    training: TrainingSection = TrainingSection()
    """How the weights are updated."""

    seed: Annotated[StrictInt, Field(ge=0, lt=SEED_COUNT)] = 0
    """Seed from which every random stream is derived."""

    track: TrackSection = TrackSection()
    """Trackers that mirror the run's log."""

    sweep: SweepSection | None = None
    """Settings to try, for `loratory sweep`; absent: the recipe is one run."""

    @model_validator(mode="after")
    def _rows_fit_the_task(self) -> Self:
        if self.data.name is None or self.task.reads in (reads := rows_of_set(self.data.name)):
            return self
        fitting = [kind for kind, task in TASKS.items() if task.reads in reads]
        raise ClashError(
            f"{self.data.name} holds {rows_in_words(reads[0])}, and task {self.task.kind} is made "
            f"of {rows_in_words(self.task.reads)}; set task.kind to {' or '.join(fitting)}, or "
            "name other data",
            between=(("data", "name"), ("task", "kind")),
        )

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

    @model_validator(mode="after")
    def _there_is_a_prompt(self) -> Self:
        if not isinstance(self.method, PromptingMethod):
            return self
        task, chosen = self.task, self.method.examples
        kind = ("method", "kind")
        if not isinstance(task, LabelWordsTask | WrittenQATask | WordProblemTask):
            raise ClashError(
                f"task {task.kind} is not asked by a prompt; set task.kind to label_words, "
                "written_qa or word_problem, or method.kind to lora",
                between=(kind, ("task", "kind")),
            )
        own = not isinstance(task, WrittenQATask) and bool(task.examples)
        if chosen.k and (own or (isinstance(task, LabelWordsTask) and task.shots)):
            raise ClashError(
                "the task has solved examples of its own, and the method chooses further ones; set "
                "method.examples.k to 0, or leave task.examples and task.shots out",
                between=(("method", "examples", "k"), ("task", "examples")),
            )
        if chosen.k and chosen.kind == "balanced" and not isinstance(task, LabelWordsTask):
            raise ClashError(
                f"task {task.kind} has no classes to balance; set method.examples.kind to seed or "
                "similar",
                between=(("method", "examples", "kind"), ("task", "kind")),
            )
        return self

    @model_validator(mode="after")
    def _a_new_network_is_for_classes(self) -> Self:
        if isinstance(self.base, RecurrentBase):
            refuse_unfit(self.task, self.method)
        return self

    @model_validator(mode="after")
    def _what_is_rounded_can_be_shipped(self) -> Self:
        if self.quantization is not None:
            refuse_unshippable(self.base, self.task, self.method, self.training)
        return self

    @model_validator(mode="after")
    def _a_teacher_has_something_to_teach(self) -> Self:
        if self.distillation is not None:
            refuse_no_lesson(self.task, self.method)
        return self
