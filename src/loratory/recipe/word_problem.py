"""The word-problem task's section."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictBool, StrictStr, model_validator

from loratory.recipe.decoding import Decoding
from loratory.recipe.section import Reads, Section, TooLong, Whole


class SolvedProblem(Section):
    """A problem with its answer, shown to the model before each prompt."""

    problem: Annotated[StrictStr, Field(min_length=1)]
    """The problem."""

    answer: Annotated[StrictStr, Field(min_length=1)]
    """The number that answers it."""

    solution: StrictStr = ""
    """The steps to the answer; needed where steps are written."""


class WordProblemTask(Section):
    """Solve a problem in words: write the steps, or the answer alone; the number counts."""

    reads: ClassVar[Reads] = "problems"
    head: ClassVar[bool] = False
    called: ClassVar[str] = "solve word problems"
    loss_per_token: ClassVar[bool] = True

    kind: Literal["word_problem"] = "word_problem"

    writes: Literal["steps", "answer"] = "steps"
    """What is written, learned and shown: the steps and then the answer, or the answer alone."""

    instruction: StrictStr = ""
    """What to do, said once before everything."""

    template: StrictStr | None = None
    """The prompt, with {problem}; what is written follows after a space unless the prompt ends in a
    line break. Absent: `Problem: {problem}` and, on a line of its own, `Solution:` or `Answer:`."""

    examples: tuple[SolvedProblem, ...] = ()
    """Solved problems of one's own that stand before each prompt."""

    decoding: Decoding = Decoding(max_new_tokens=160)
    """How it is written."""

    max_length: Whole | None = None
    """Tokens of a prompt and what is written; absent: as many as the base has positions."""

    too_long: TooLong = "refuse"
    """A prompt above max_length: stop before anything is computed, or leave out its solved
    examples, the first first, then the problem's end, and count it."""

    bos: StrictBool = True
    """Begin each prompt with the token that began documents in pretraining, where there is one."""

    @model_validator(mode="after")
    def _examples_show_what_is_written(self) -> Self:
        for number, example in enumerate(self.examples):
            if self.writes == "steps" and not example.solution.strip():
                raise ValueError(
                    f"examples[{number}] shows no steps; give it a solution, or set task.writes to "
                    "answer"
                )
        return self
