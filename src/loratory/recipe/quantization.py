"""The quantization section: the whole numbers to which the network's linear layers are rounded.

While training they are rounded as they will be when the model is shipped, so that what trains
learns to live with it. One class a number format.
"""

from typing import Annotated, Literal

from pydantic import (
    Discriminator,
    Field,
    StrictInt,
    StrictStr,
    Tag,
    TypeAdapter,
    ValidationError,
)

from loratory.errors import ConfigError
from loratory.recipe.base import BaseSection, RecurrentBase
from loratory.recipe.method import (
    BottleneckMethod,
    LoraMethod,
    MethodSection,
    PrefixMethod,
    PromptMethod,
)
from loratory.recipe.preference import PreferenceTask
from loratory.recipe.section import ClashError, Section, kind_or
from loratory.recipe.task import TaskSection
from loratory.recipe.training import TrainingSection

Activations = Literal["int8", "none"]
Skipped = tuple[Annotated[StrictStr, Field(min_length=1)], ...]


class Int8Quantization(Section):
    """Weights in int8, with one scale for each output of a layer."""

    kind: Literal["int8"] = "int8"

    activations: Activations = "int8"
    """How inputs of the layers are rounded: to int8 with a scale and a zero of each token's own,
    which makes products fast; or (none) not at all."""

    skip_modules: Skipped = ()
    """Linear layers that stay as they are, by name endings."""


class Int4Quantization(Section):
    """Weights in int4, with one scale for each group of a layer's inputs."""

    kind: Literal["int4"] = "int4"

    group_size: Annotated[StrictInt, Field(ge=2)] = 32
    """Neighbouring weights of an output that share a scale; it divides the inputs of each layer."""

    activations: Activations = "none"
    """How inputs of the layers are rounded: not at all, or to int8 as with int8."""

    skip_modules: Skipped = ()
    """Linear layers that stay as they are, by name endings."""


QuantizationSection = Annotated[
    Annotated[Int8Quantization, Tag("int8")] | Annotated[Int4Quantization, Tag("int4")],
    Discriminator(kind_or("int8")),
]


def section_of(value: object, *, at: str) -> QuantizationSection:
    """Return the section that a kind's name or a mapping says; `at` is where it was said.

    Raises:
        ConfigError: it says none.
    """
    form: TypeAdapter[QuantizationSection] = TypeAdapter(QuantizationSection)
    try:
        return form.validate_python({"kind": value} if isinstance(value, str) else value)
    except ValidationError as error:
        raise ConfigError(
            "CFG-VALUE",
            f"not a way to quantise: {error.errors()[0]['msg']}",
            at=at,
            got=value,
            expected="int8, int4, or a section such as {kind: int4, group_size: 64}",
            fix="name int8 or int4",
        ) from None


def refuse_unshippable(
    base: BaseSection, task: TaskSection, method: MethodSection, training: TrainingSection
) -> None:
    """Refuse what could not be shipped as it was rounded in training.

    Raises:
        ClashError: naming the section that does not go with quantization.
    """
    other = ("method", "kind")
    if isinstance(base, RecurrentBase):
        problem, other = "a recurrent base has no linear layers in it", ("base", "kind")
    elif isinstance(task, PreferenceTask):
        problem = "preferences are learned against the base as it is, which is not rounded"
        other = ("task", "kind")
    elif isinstance(method, BottleneckMethod | PromptMethod | PrefixMethod):
        problem = f"method {method.kind} cannot be folded into layers that are rounded"
    elif isinstance(method, LoraMethod) and method.lora_dropout:
        problem = "what is rounded is the weight with its update in it, which has no dropout"
        other = ("method", "lora_dropout")
    elif training.precision in {"bfloat16", "int8"}:
        problem = f"rounding is computed in float32, not in {training.precision}"
        other = ("training", "precision")
    else:
        return
    raise ClashError(
        f"{problem}; leave quantization out, or change {'.'.join(other)}",
        between=(("quantization",), other),
    )
