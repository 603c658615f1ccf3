"""The method section: what trains. One class a method."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, assert_never

from pydantic import Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag, model_validator

from loratory.recipe.section import Number, Section, Whole, kind_or, sections_by_kind

Positive = Annotated[Number, Field(gt=0)]
Dropout = Annotated[Number, Field(ge=0, lt=1)]
Names = Annotated[tuple[StrictStr, ...], Field(min_length=1)]
Layers = Annotated[tuple[Annotated[StrictInt, Field(ge=0)], ...], Field(min_length=1)]


class LoraMethod(Section):
    """LoRA: a trainable low-rank update beside frozen linear layers. Names as in PEFT."""

    called: ClassVar[str] = "LoRA"

    kind: Literal["lora"] = "lora"

    r: Whole = 8
    """Rank of the update."""

    lora_alpha: Positive = 16.0
    """The update is scaled by lora_alpha / r."""

    lora_dropout: Dropout = 0.0
    """Dropout on the update's input while training."""

    target_modules: StrictStr | Names = "all-linear"
    """Layers that get an update: a list of name endings, one regular expression for the whole
    name, or all-linear."""

    layers_to_transform: Layers | None = None
    """Numbers of the blocks, from 0, whose layers get an update; absent: all."""

    rank_pattern: dict[StrictStr, Whole] = Field(default={})
    """Other ranks, by name endings or regular expressions for them."""

    alpha_pattern: dict[StrictStr, Positive] = Field(default={})
    """Other alphas, by name endings or regular expressions for them."""

    use_rslora: StrictBool = False
    """Scale the update by lora_alpha / sqrt(r) instead, which does not fade as the rank grows."""

    use_dora: StrictBool = False
    """Train each output's magnitude apart from its direction, which the update turns."""

    init_lora_weights: Literal["kaiming", "gaussian", "pissa"] = "kaiming"
    """How the update starts: at nothing, from random numbers; or (pissa) as the strongest part of
    the layer itself, which is then taken out of what is frozen."""

    loraplus_lr_ratio: Positive = 1.0
    """How much higher the learning rate of lora_B is than that of lora_A."""

    bias: Literal["none", "lora_only", "all"] = "none"
    """Biases that train: of no layer, of the layers with an update, or of all layers."""

    modules_to_save: tuple[StrictStr, ...] = ()
    """Further modules that are trained in full and saved with the adapter; the task's head is
    always one of them."""


class FullMethod(Section):
    """Full fine-tuning: every weight of the base trains, in float32."""

    called: ClassVar[str] = "full fine-tuning"

    kind: Literal["full"] = "full"

    dropout: Dropout = 0.0
    """Dropout while training, wherever the base's architecture has one."""


class BitfitMethod(Section):
    """BitFit: only biases train."""

    called: ClassVar[str] = "BitFit"

    kind: Literal["bitfit"] = "bitfit"

    missing_biases: Literal["refuse", "add"] = "refuse"
    """What to do about linear layers without a bias, where the base has no bias at all: refuse, or
    add one to each, of zeros."""


class BottleneckMethod(Section):
    """Bottleneck adapters: small trainable networks behind the blocks' parts."""

    called: ClassVar[str] = "bottleneck adapters"

    kind: Literal["bottleneck"] = "bottleneck"

    placement: Literal["pfeiffer", "houlsby"] = "pfeiffer"
    """Behind each feed-forward part alone, or (houlsby) behind attention too."""

    reduction_factor: Whole | None = None
    """How many times narrower than its layer a bottleneck is; absent, and without a
    bottleneck_size: 16."""

    bottleneck_size: Whole | None = None
    """Width of every bottleneck, in place of a reduction factor."""

    non_linearity: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """What is between the two linear layers of a bottleneck."""

    target_modules: Names | None = None
    """Linear layers that get a bottleneck behind them; absent: those of the placement."""

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if self.reduction_factor is not None and self.bottleneck_size is not None:
            raise ValueError(
                "reduction_factor and bottleneck_size both say how wide a bottleneck is; leave one "
                "of them out"
            )
        return self


class Ia3Method(Section):
    """IA3: trainable factors for keys, values and the inside of feed-forward parts."""

    called: ClassVar[str] = "IA3"

    kind: Literal["ia3"] = "ia3"

    target_modules: Names | None = None
    """Layers that get factors, by name endings; absent: those usual for the architecture."""

    feedforward_modules: tuple[StrictStr, ...] | None = None
    """Those of the layers whose input is scaled, and not the output; absent: the usual ones."""


class PromptMethod(Section):
    """Prompt tuning: trainable vectors stand before every text as if they were tokens."""

    called: ClassVar[str] = "prompt tuning"

    kind: Literal["prompt"] = "prompt"

    num_virtual_tokens: Whole = 20
    """How many of them."""

    init_text: Annotated[StrictStr, Field(min_length=1)] | None = None
    """A text whose tokens they start as, repeated or cut to fit; absent: tokens drawn from the
    vocabulary."""


class PrefixMethod(Section):
    """Prefix tuning: in every layer each text also attends to trainable keys and values."""

    called: ClassVar[str] = "prefix tuning"

    kind: Literal["prefix"] = "prefix"

    num_virtual_tokens: Whole = 20
    """How many of them a layer has."""

    init_text: Annotated[StrictStr, Field(min_length=1)] | None = None
    """A text whose keys and values they start as, repeated or cut to fit; absent: tokens drawn
    from the vocabulary."""


class HeadMethod(Section):
    """A linear probe: the base stays as it is, and only the task's head trains."""

    called: ClassVar[str] = "linear probe"

    kind: Literal["head"] = "head"


class PeftMethod(Section):
    """A PEFT adapter made elsewhere: its method, from its weights on."""

    called: ClassVar[str] = "the method of a PEFT adapter"

    kind: Literal["peft"] = "peft"

    folder: Annotated[StrictStr, Field(min_length=1)]
    """Folder with adapter_config.json and adapter_model.safetensors."""


class NoMethod(Section):
    """Nothing trains: the base answers as it is."""

    called: ClassVar[str] = "none, the base answers as it is"

    kind: Literal["none"] = "none"


class ExampleChoice(Section):
    """Which training rows stand solved before each prompt."""

    kind: Literal["seed", "balanced", "similar"] = "seed"
    """Drawn by the seed; drawn by the seed, as many of each class; or those most like the row, by
    TF-IDF, the most alike last. The first two are the same for all rows."""

    k: Annotated[StrictInt, Field(ge=0)] = 0
    """How many; none: the prompt alone (zero-shot)."""


class PromptingMethod(Section):
    """Prompting: nothing trains; training rows may stand solved before each prompt."""

    called: ClassVar[str] = "prompting, nothing trains"

    kind: Literal["prompting"] = "prompting"

    examples: ExampleChoice = ExampleChoice()
    """Which training rows are shown."""


OwnMethod = (
    LoraMethod
    | FullMethod
    | BitfitMethod
    | BottleneckMethod
    | Ia3Method
    | PromptMethod
    | PrefixMethod
    | HeadMethod
    | NoMethod
    | PromptingMethod
)
"""The methods that a section describes by itself."""

MethodSection = Annotated[
    Annotated[LoraMethod, Tag("lora")]
    | Annotated[FullMethod, Tag("full")]
    | Annotated[BitfitMethod, Tag("bitfit")]
    | Annotated[BottleneckMethod, Tag("bottleneck")]
    | Annotated[Ia3Method, Tag("ia3")]
    | Annotated[PromptMethod, Tag("prompt")]
    | Annotated[PrefixMethod, Tag("prefix")]
    | Annotated[HeadMethod, Tag("head")]
    | Annotated[PeftMethod, Tag("peft")]
    | Annotated[NoMethod, Tag("none")]
    | Annotated[PromptingMethod, Tag("prompting")],
    Discriminator(kind_or("lora")),
]

METHODS: Mapping[str, type[MethodSection]] = sections_by_kind(MethodSection)
"""The sections of methods by their kinds."""


def trains_the_base(method: OwnMethod | PeftMethod) -> bool:
    """Tell whether weights of the base itself train, which takes float32."""
    match method:
        case FullMethod() | BitfitMethod():
            return True
        case LoraMethod():
            return method.bias != "none" or bool(method.modules_to_save)
        case (
            BottleneckMethod()
            | Ia3Method()
            | PromptMethod()
            | PrefixMethod()
            | HeadMethod()
            | PeftMethod()
            | NoMethod()
            | PromptingMethod()
        ):
            return False
        case _:
            assert_never(method)
