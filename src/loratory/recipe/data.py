"""The data section: where the rows come from, and which of them are used."""

from typing import Annotated, Literal, Self, assert_never

from pydantic import Field, StrictInt, StrictStr, model_validator

from loratory.recipe.section import Reads, Section, Share, SplitName, Whole

SetName = Literal[
    "rotten_tomatoes",
    "rotten_tomatoes_judge",
    "rotten_tomatoes_pairs",
    "cola",
    "query_wellformedness",
    "squad",
    "squad_v2",
    "word_problems",
]


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

    name: SetName | None = None
    """A set that Loratory knows; absent: `train`, `validation` and `test` name files."""

    dir: StrictStr | None = None
    """Folder that holds the named set's folder with its authors' files; absent: hub, or wheel."""

    train: StrictStr | None = None
    """Training file: .csv, .tsv, .jsonl or .parquet; .json of SQuAD's form for questions; also .txt
    for plain text."""

    validation: StrictStr | None = None
    """Validation file."""

    test: StrictStr | None = None
    """Test file."""

    text: StrictStr = "text"
    """Column that holds the text (own files)."""

    label: StrictStr = "label"
    """Column that holds the label (own files)."""

    prompt: StrictStr = "prompt"
    """Column that holds the prompt of a pair: text, or chat messages. A file without it holds the
    prompt as what both answers begin with."""

    chosen: StrictStr = "chosen"
    """Column that holds the better answer of a pair: text, or chat messages."""

    rejected: StrictStr = "rejected"
    """Column that holds the other answer of a pair."""

    splits: tuple[SplitName, ...] | None = None
    """Splits to use, the training rows among them; absent: all there are."""

    limit: Limits = Limits()
    """Rows used of each split."""

    holdout: Holdout = Holdout()
    """Splits taken out of the training rows where the data has none of its own."""

    max_bad_rows: Annotated[StrictInt, Field(ge=0)] = 0
    """Malformed rows that are left out and counted before the run is refused; as many of
    distillation's extra texts."""

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
        if self.splits is not None and "train" not in self.splits:
            raise ValueError("the training rows are always used; add train to data.splits")
        if self.dir and not self.name:
            raise ValueError("dir belongs to a named set; set data.name, or remove data.dir")
        return self


def rows_of_set(name: SetName) -> tuple[Reads, ...]:
    """Return the kinds of rows that a named set can be read as, its own first."""
    match name:
        case "rotten_tomatoes" | "cola" | "query_wellformedness":
            return ("labelled", "texts")
        case "rotten_tomatoes_judge":
            return ("labelled",)
        case "rotten_tomatoes_pairs":
            return ("pairs", "texts")
        case "squad" | "squad_v2":
            return ("questions",)
        case "word_problems":
            return ("problems",)
        case _:
            assert_never(name)


def rows_in_words(reads: Reads) -> str:
    """Return what rows of a kind are."""
    match reads:
        case "labelled":
            return "texts with a class"
        case "questions":
            return "questions on a context"
        case "texts":
            return "plain texts"
        case "pairs":
            return "prompts with a chosen and a rejected answer"
        case "problems":
            return "problems whose answer is a number"
        case _:
            assert_never(reads)
