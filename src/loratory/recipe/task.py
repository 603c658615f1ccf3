"""The task section: what a row means, what is predicted, how it is scored. One class a task.

What holds of every task of a kind stands first in its class: the rows that it reads, whether it
adds a head, what reports call it, and whether its loss is a mean over tokens.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, assert_never

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

from loratory.recipe.decoding import Decoding
from loratory.recipe.preference import PreferenceTask
from loratory.recipe.section import Reads, Section, TooLong, Whole, kind_or, sections_by_kind
from loratory.recipe.word_problem import WordProblemTask


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


Labels = Annotated[tuple[StrictStr, ...], AfterValidator(_labels_differ)]


class ClassifyTask(Section):
    """Put each text into one of a few classes, with a linear head on its last token."""

    reads: ClassVar[Reads] = "labelled"
    head: ClassVar[bool] = True
    called: ClassVar[str] = "classify"
    loss_per_token: ClassVar[bool] = False

    kind: Literal["classify"] = "classify"

    labels: Labels | None = None
    """Class names, in the order of their numbers; absent: those of the named set, else those
    found in the training rows, sorted."""

    max_length: Whole | None = None
    """Tokens of a text that the model reads; absent: as many as the base has positions."""

    too_long: TooLong = "refuse"
    """A text above max_length: stop before training, or cut its end and count it."""

    bos: StrictBool = True
    """Begin each text with the token that began documents in pretraining, where there is one."""


class SolvedExample(Section):
    """A text and its label, shown to the model before each prompt."""

    text: Annotated[StrictStr, Field(min_length=1)]
    """The text."""

    label: StrictStr
    """Its class name."""


class LabelWordsTask(Section):
    """Let the model's next words after a prompt be the label; whole label words are scored."""

    reads: ClassVar[Reads] = "labelled"
    head: ClassVar[bool] = False
    called: ClassVar[str] = "choose by label words"
    loss_per_token: ClassVar[bool] = True

    kind: Literal["label_words"] = "label_words"

    labels: Labels | None = None
    """Class names, in the order of their numbers; absent: those of the named set, else those
    found in the training rows, sorted."""

    words: tuple[StrictStr, ...] | None = None
    """What the model says for each class, in the order of the labels; absent: the labels."""

    instruction: StrictStr = ""
    """What to do, said once before everything; a template is said anew for each solved example."""

    template: StrictStr = "Text: {text}\nLabel:"
    """The prompt. The text stands where {text} does; the label word follows, after a space unless
    the prompt ends in a line break."""

    score: Literal["sum", "mean", "calibrated"] = "sum"
    """How a label word of several tokens is scored: the sum of its tokens' log-probabilities,
    their mean, or the sum less that after a prompt without content."""

    content_free: StrictStr = "N/A"
    """The text without content that `score: calibrated` compares with."""

    shots: Annotated[StrictInt, Field(ge=0)] = 0
    """Training rows, class by class in turn, that stand solved before each prompt."""

    examples: tuple[SolvedExample, ...] = ()
    """Solved examples of one's own instead of `shots` drawn ones."""

    max_length: Whole | None = None
    """Tokens of a prompt and its label word; absent: as many as the base has positions."""

    too_long: TooLong = "refuse"
    """A prompt above max_length: stop before training, or leave out its solved examples, the first
    first, then the end of its text, and count it."""

    bos: StrictBool = True
    """Begin each prompt with the token that began documents in pretraining, where there is one."""

    @model_validator(mode="after")
    def _a_word_for_each_label(self) -> Self:
        if self.words and self.labels and len(self.words) != len(self.labels):
            raise ValueError(
                f"{len(self.words)} words for {len(self.labels)} labels; give one for each label"
            )
        return self


class SpanQATask(Section):
    """Answer a question with a span of its context, or say that the context has no answer."""

    reads: ClassVar[Reads] = "questions"
    head: ClassVar[bool] = True
    called: ClassVar[str] = "answer with a span of the context"
    loss_per_token: ClassVar[bool] = False

    kind: Literal["span_qa"] = "span_qa"

    unanswerable: StrictBool = False
    """Questions may have no answer (SQuAD v2.0): learn to say so, and score by its rules."""

    max_length: Whole = 384
    """Tokens of one window: the question, and as much of the context as fits."""

    stride: Whole = 128
    """Tokens of the context that neighbouring windows share."""

    max_answer_tokens: Whole = 30
    """Longest span considered as an answer."""

    n_best: Whole = 20
    """Spans kept for each question."""

    threshold_rows: Whole = 300
    """With `unanswerable`: training rows kept aside, on which the threshold for saying that there
    is no answer is chosen."""

    bos: StrictBool = True
    """Begin each window with the token that began documents in pretraining, where there is one."""

    @model_validator(mode="after")
    def _windows_move_forward(self) -> Self:
        if self.stride >= self.max_length:
            raise ValueError(
                f"stride ({self.stride}) must be below max_length ({self.max_length}), or windows "
                f"do not move forward; set task.stride to {self.max_length // 3}"
            )
        return self


class Probe(Section):
    """A question asked before and after tuning, beside the rows and never scored."""

    context: Annotated[StrictStr, Field(min_length=1)]
    """What the question is about."""

    question: Annotated[StrictStr, Field(min_length=1)]
    """The question."""

    answer: StrictStr
    """The right answer, shown beside the model's."""


class WrittenQATask(Section):
    """Write the answer to a question about a context, token by token."""

    reads: ClassVar[Reads] = "questions"
    head: ClassVar[bool] = False
    called: ClassVar[str] = "write the answer"
    loss_per_token: ClassVar[bool] = True

    kind: Literal["written_qa"] = "written_qa"

    instruction: StrictStr = ""
    """What to do, said once before everything; a template is said anew for each solved example."""

    template: StrictStr = "{context}\nQuestion: {question}\nAnswer:"
    """The prompt, with {context} and {question}; the answer follows after a space unless the prompt
    ends in a line break."""

    no_answer: StrictStr = "unanswerable"
    """What the model is to write where the context has no answer."""

    decoding: Decoding = Decoding()
    """How answers are written."""

    probes: tuple[Probe, ...] = ()
    """Questions of one's own, asked before and after tuning and shown in the report."""

    max_length: Whole | None = None
    """Tokens of a prompt and its answer; absent: as many as the base has positions."""

    too_long: TooLong = "refuse"
    """A prompt above max_length: stop before training, or leave out its solved examples, the first
    first, then the context's end, and count it."""

    bos: StrictBool = True
    """Begin each prompt with the token that began documents in pretraining, where there is one."""


class TextTask(Section):
    """Model plain text: every token is predicted from those before it."""

    reads: ClassVar[Reads] = "texts"
    head: ClassVar[bool] = False
    called: ClassVar[str] = "model plain text"
    loss_per_token: ClassVar[bool] = True

    kind: Literal["text"] = "text"

    max_length: Whole | None = None
    """Tokens of one piece; a longer text is cut into pieces. Absent: 512, or the base's positions
    where they are fewer."""

    bos: StrictBool = True
    """Begin each piece with the token that began documents in pretraining, where there is one."""

    eos: StrictBool = False
    """End each text with the end-of-text token, so that the model learns where texts end."""


TaskSection = Annotated[
    Annotated[ClassifyTask, Tag("classify")]
    | Annotated[LabelWordsTask, Tag("label_words")]
    | Annotated[SpanQATask, Tag("span_qa")]
    | Annotated[WrittenQATask, Tag("written_qa")]
    | Annotated[TextTask, Tag("text")]
    | Annotated[PreferenceTask, Tag("preference")]
    | Annotated[WordProblemTask, Tag("word_problem")],
    Discriminator(kind_or("classify")),
]

TASKS: Mapping[str, type[TaskSection]] = sections_by_kind(TaskSection)
"""The sections of tasks by their kinds."""


def task_labels(section: TaskSection) -> tuple[str, ...] | None:
    """Return the class names that a task section gives; None where it leaves them, or has none."""
    match section:
        case ClassifyTask() | LabelWordsTask():
            return section.labels
        case SpanQATask() | WrittenQATask() | TextTask() | PreferenceTask() | WordProblemTask():
            return None
        case _:
            assert_never(section)
