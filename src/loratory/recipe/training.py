"""The training section: how the weights are updated, and when the run looks at itself."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from loratory.recipe.section import Number, Section, Whole

Every = Literal["epoch"] | Whole


class TrainingSection(Section):
    """How the weights are updated, and when the run looks at itself."""

    epochs: Whole = 1
    """Passes over the training rows."""

    batch_size: Whole = 16
    """Rows per optimiser step."""

    order: Literal["shuffled", "together"] = "shuffled"
    """Every row for itself; or rows that share a beginning, such as questions on one paragraph, in
    the same step, where that beginning is computed once. The groups are shuffled, and so are the
    rows of one that has more than a batch."""

    micro_batch_tokens: Whole | None = None
    """Tokens computed at once, to save memory: a step of more is accumulated, its gradient stays
    the same. Absent: what suits the device."""

    learning_rate: Annotated[Number, Field(gt=0)] = 5.0e-4
    """Highest learning rate."""

    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    """How the learning rate falls to zero after the warm-up."""

    warmup: Annotated[StrictInt, Field(ge=0)] | Annotated[Number, Field(ge=0, lt=1)] = 0.05
    """Steps, or share of the steps, over which the learning rate rises."""

    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    """AdamW's decoupled weight decay, on matrices only."""

    beta1: Annotated[Number, Field(ge=0, lt=1)] = 0.9
    """AdamW's decay of the gradient's mean."""

    beta2: Annotated[Number, Field(ge=0, lt=1)] = 0.999
    """AdamW's decay of the gradient's square."""

    epsilon: Annotated[Number, Field(gt=0)] = 1.0e-8
    """AdamW's term against division by zero."""

    max_grad_norm: Annotated[Number, Field(gt=0)] | None = 1.0
    """Norm to which a larger gradient is scaled down; null: no clipping."""

    evaluate_every: Every = "epoch"
    """Evaluate on the validation rows after each epoch, or after so many steps."""

    checkpoint_every: Every = "epoch"
    """Write a checkpoint after each epoch, or after so many steps."""

    select: StrictStr | None = None
    """Validation metric that decides the best checkpoint; absent: the task's main metric."""

    patience: Whole | None = None
    """Stop after so many evaluations without a better one; absent: train all epochs."""

    score_untuned: StrictBool = False
    """Score the base before training, too, and report it as a baseline; for tasks that read the
    base's own words."""

    frozen_states: Literal["auto", "memory", "disk", "off"] = "auto"
    """Where hidden states are kept that enter the lowest block that trains and are the same in each
    epoch: in memory; on the disk, where later runs on the same rows find them; off: nowhere. auto:
    in memory, if they are needed more than once and take at most an eighth of it."""

    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """Number format of the base's products; auto: bfloat16 only where it is measured faster. int8:
    the base's linear layers are rounded to int8, and the rest is float32; on processors only."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto: a GPU where there is one."""

    threads: Whole | None = None
    """Processor threads; absent: as many as there are logical processors to use."""
