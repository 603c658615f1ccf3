"""The preference task's section, and the losses it may have. Names are TRL's."""

from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, StrictBool, Tag

from loratory.recipe.section import Number, Reads, Section, TooLong, Whole, kind_or

Beta = Annotated[Number, Field(gt=0)]
Smoothing = Annotated[Number, Field(ge=0, lt=0.5)]


class SigmoidLoss(Section):
    """DPO: a logistic loss on the margin of the rewards over the reference."""

    kind: Literal["sigmoid"] = "sigmoid"

    beta: Beta = 0.1
    """How strongly the model is held to the reference: less of it lets it drift further."""

    label_smoothing: Smoothing = 0.0
    """Share of pairs taken to be the wrong way round (conservative DPO)."""


class RobustLoss(Section):
    """Robust DPO: unbiased where a known share of the pairs is the wrong way round."""

    kind: Literal["robust"] = "robust"

    beta: Beta = 0.1
    """How strongly the model is held to the reference."""

    label_smoothing: Smoothing = 0.1
    """Share of pairs that are the wrong way round."""


class IpoLoss(Section):
    """IPO: the margin of the mean log-ratios is drawn to 1/(2 beta), and no further."""

    kind: Literal["ipo"] = "ipo"

    beta: Beta = 0.1
    """The paper's τ: how strongly the model is held to the reference."""


class HingeLoss(Section):
    """Hinge: pairs whose rewards are 1 apart teach nothing any more."""

    kind: Literal["hinge"] = "hinge"

    beta: Beta = 0.1
    """How strongly the model is held to the reference."""


class OrpoLoss(Section):
    """ORPO: learns the chosen answers, and raises their odds over the rejected; no reference."""

    kind: Literal["orpo"] = "orpo"

    beta: Beta = 0.1
    """Weight of the odds ratio, the paper's λ."""


class SimpoLoss(Section):
    """SimPO: the mean log-probabilities of a pair are to lie a margin apart; no reference."""

    kind: Literal["simpo"] = "simpo"

    beta: Beta = 2.0
    """Scale of the rewards."""

    simpo_gamma: Annotated[Number, Field(ge=0)] = 1.0
    """The margin between the rewards of a pair, the paper's gamma."""


PreferenceLoss = Annotated[
    Annotated[SigmoidLoss, Tag("sigmoid")]
    | Annotated[RobustLoss, Tag("robust")]
    | Annotated[IpoLoss, Tag("ipo")]
    | Annotated[HingeLoss, Tag("hinge")]
    | Annotated[OrpoLoss, Tag("orpo")]
    | Annotated[SimpoLoss, Tag("simpo")],
    Discriminator(kind_or("sigmoid")),
]


class PreferenceTask(Section):
    """Prefer one of two answers to a prompt, as pairs of a chosen and a rejected one show."""

    reads: ClassVar[Reads] = "pairs"
    head: ClassVar[bool] = False
    called: ClassVar[str] = "prefer one of two answers"
    loss_per_token: ClassVar[bool] = False

    kind: Literal["preference"] = "preference"

    loss: PreferenceLoss = SigmoidLoss()
    """What is learned from a pair."""

    max_length: Whole | None = None
    """Tokens of a prompt and an answer; absent: as many as the base has positions."""

    too_long: TooLong = "refuse"
    """An answer that ends above max_length: stop before training, or cut its end and count it."""

    bos: StrictBool = True
    """Begin each prompt with the token that began documents in pretraining, where there is one;
    prompts that are chat messages begin as the base's chat template says."""
