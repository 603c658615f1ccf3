"""Every setting of a run, its default and its limits. The string under a field is its help text.

Nothing here imports torch: a wrong recipe is refused before anything heavy is loaded.
"""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

SplitName = Literal["train", "validation", "test"]
Whole = Annotated[StrictInt, Field(ge=1)]
Number = Annotated[StrictFloat, AllowInfNan(allow_inf_nan=False)]
Share = Annotated[Number, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A group of settings: fixed once read, and refusing every name it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


def _labels_differ(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse label names that a person could not tell apart."""
    stripped = [label.strip() for label in labels]
    if not all(stripped):
        raise ValueError("a label is empty; every label needs a name")
    if len(set(stripped)) < len(stripped):
        twice = next(label for label in stripped if stripped.count(label) > 1)
        raise ValueError(f"label {twice!r} is listed twice; every label needs its own name")
    if len(labels) < 2:  # noqa: PLR2004 - the least there is to tell apart
        raise ValueError("at least two labels are needed")
    return labels


class ClassifyTask(Section):
    """Put each text into one of a few classes, with a linear head on its last token."""

    kind: Literal["classify"] = "classify"

    labels: Annotated[tuple[StrictStr, ...], AfterValidator(_labels_differ)] | None = None
    """Class names, in the order of their numbers; absent: those of the named set, else those
    found in the training rows, sorted."""

    max_length: Whole | None = None
    """Tokens of a text that the model reads; absent: as many as the base has positions."""

    too_long: Literal["refuse", "truncate"] = "refuse"
    """A text above max_length: stop before training, or cut its end and count it."""


TaskSection = ClassifyTask


class Limits(Section):
    """Rows used of each split, drawn once for all seeds; absent: every row."""

    train: Whole | None = None
    """Rows of the training split."""

    validation: Whole | None = None
    """Rows of the validation split."""

    test: Whole | None = None
    """Rows of the test split."""


class Holdout(Section):
    """Splits taken out of the training rows where the data has none of its own."""

    validation: Whole | Share | None = None
    """Rows, or share of the rows, held out for validation."""

    test: Whole | Share | None = None
    """Rows, or share of the rows, held out for the test."""


class DataSection(Section):
    """Where the rows come from: a named set, or files of one's own."""

    name: Literal["rotten_tomatoes", "cola", "query_wellformedness"] | None = None
    """A set that Loratory knows; absent: `train`, `validation` and `test` name files."""

    dir: StrictStr | None = None
    """Folder that holds the named set's folder with its authors' files; absent: hub, or wheel."""

    train: StrictStr | None = None
    """Training file: .csv, .tsv, .jsonl or .parquet."""

    validation: StrictStr | None = None
    """Validation file."""

    test: StrictStr | None = None
    """Test file."""

    text: StrictStr = "text"
    """Column that holds the text (own files)."""

    label: StrictStr = "label"
    """Column that holds the label (own files)."""

    limit: Limits = Limits()
    """Rows used of each split."""

    holdout: Holdout = Holdout()
    """Splits taken out of the training rows where the data has none of its own."""

    max_bad_rows: Annotated[StrictInt, Field(ge=0)] = 0
    """Malformed rows that are left out and counted before the run is refused."""

    leaks: Literal["refuse", "warn"] = "refuse"
    """What to do when a text stands in the training rows and in a split that is scored. Of a named
    set's own repeats, up to 2 % of a split are only warned of."""

    conflicts: Literal["refuse", "warn"] = "warn"
    """What to do when one text carries different labels."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        files = [split for split in ("train", "validation", "test") if getattr(self, split)]
        if self.name and files:
            raise ValueError(
                f"both a named set ({self.name}) and a file ({files[0]}) are given; keep one"
            )
        if not self.name and not self.train:
            raise ValueError("no data is named; set data.name, or data.train to a file")
        if self.dir and not self.name:
            raise ValueError("dir belongs to a named set; set data.name, or remove data.dir")
        return self


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


MethodSection = LoraMethod

Every = Literal["epoch"] | Whole


class TrainingSection(Section):
    """How the weights are updated, and when the run looks at itself."""

    epochs: Whole = 1
    """Passes over the training rows."""

    batch_size: Whole = 16
    """Rows per optimiser step."""

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

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the base's products; auto: bfloat16 only where it is measured faster."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto: a GPU where there is one."""

    threads: Whole | None = None
    """Processor threads; absent: as many as there are physical cores to use."""


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
