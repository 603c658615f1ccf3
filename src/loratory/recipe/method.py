"""The method section: what trains. One class a method."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StrictStr, Tag

from loratory.recipe.section import Number, Section, Whole, kind_or


class LoraMethod(Section):
    """LoRA: a trainable low-rank update beside frozen linear layers. Names as in PEFT."""

    kind: Literal["lora"] = "lora"

    r: Whole = 8
    """Rank of the update."""

    lora_alpha: Annotated[Number, Field(gt=0)] = 16.0
    """The update is scaled by lora_alpha / r."""

    lora_dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Dropout on the update's input while training."""

    target_modules: StrictStr | Annotated[tuple[StrictStr, ...], Field(min_length=1)] = "all-linear"
    """Layers that get an update: a list of name endings, one regular expression for the whole
    name, or all-linear."""

    modules_to_save: tuple[StrictStr, ...] = ()
    """Further modules that are trained in full and saved with the adapter; the task's head is
    always one of them."""


class FullMethod(Section):
    """Full fine-tuning: every weight of the base trains, in float32."""

    kind: Literal["full"] = "full"


class NoMethod(Section):
    """Nothing trains: the base answers as it is, which is what prompting is."""

    kind: Literal["none"] = "none"


MethodSection = Annotated[
    Annotated[LoraMethod, Tag("lora")]
    | Annotated[FullMethod, Tag("full")]
    | Annotated[NoMethod, Tag("none")],
    Discriminator(kind_or("lora")),
]
