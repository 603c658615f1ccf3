"""Whole prompts: an instruction said once, solved examples, and the row's own question.

    [bos] instruction ⏎⏎ prompt answer ⏎⏎ prompt answer ⏎⏎ … prompt

Everything is written as one text and made into tokens as one, so that a prompt is what anybody gets
who writes it down. What is fixed stands first: that beginning is computed once for many rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from loratory.recipe.section import TooLong
from loratory.tasks.examples import Examples
from loratory.tasks.tokens import fitting, over_length, token_ids

_BETWEEN = "\n\n"


@dataclass(frozen=True)
class Prompt:
    """The prompt of one row."""

    row: Any
    examples: tuple[Any, ...]
    """The rows that stand solved before it."""

    text: str
    tokens: tuple[int, ...]
    left_out: int = 0
    """Examples for which there was no room."""

    cut: bool = False
    """Whether the row's own text lost its end."""


@dataclass(frozen=True)
class Prompts:
    """How the prompts of a task are written."""

    tokenizer: PreTrainedTokenizerBase
    beginning: tuple[int, ...]
    ask: Callable[[Any], str]
    """Writes a row's own prompt."""

    answer: Callable[[Any], str]
    """Writes its right answer, as it follows the prompt."""

    cuts: str
    """The part of a row that may be cut."""

    too_long: TooLong
    instruction: str
    examples: Examples

    def of(self, rows: Sequence[Any]) -> list[Prompt]:
        """Return the prompt of each row, however long it is."""
        examples = self.examples.of(rows)
        texts = [self.written(*pair) for pair in zip(rows, examples, strict=True)]
        parts = zip(rows, examples, texts, self.tokens(texts), strict=True)
        return [Prompt(*part) for part in parts]

    def written(self, row: Any, examples: Sequence[Any]) -> str:
        """Return the text of a row's prompt."""
        solved = [self.ask(example) + self.answer(example) for example in examples]
        return _BETWEEN.join([*filter(None, [self.instruction]), *solved, self.ask(row)])

    def tokens(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the tokens of each text, begun as documents are."""
        ids = token_ids(self.tokenizer, texts) if texts else []
        return [(*self.beginning, *tokens) for tokens in ids]

    def fitted(self, prompt: Prompt, most: int) -> Prompt:
        """Return the prompt with at most so many tokens: without examples, then without its end.

        Raises:
            DataError: it is longer and may not be, or there is no room for its text (DATA-TRUNC).
        """
        if len(prompt.tokens) <= most:
            return prompt
        row, place = prompt.row, prompt.row.place
        if self.too_long == "refuse":
            shown = len(prompt.examples)
            raise over_length(place, len(prompt.tokens), most, examples=shown)
        for left_out in range(1, len(prompt.examples) + 1):
            fewer = self._with(prompt, row, prompt.examples[left_out:])
            if len(fewer.tokens) <= most:
                return replace(fewer, left_out=left_out)

        def alone(text: str) -> Prompt:
            return self._with(prompt, replace(row, **{self.cuts: text}), ())

        def length(text: str) -> int:
            return len(alone(text).tokens)

        whole = getattr(row, self.cuts)
        kept = fitting(whole, most, length, place=place)
        return replace(alone(kept), row=row, left_out=len(prompt.examples), cut=True)

    def _with(self, prompt: Prompt, row: Any, examples: tuple[Any, ...]) -> Prompt:
        text = self.written(row, examples)
        (tokens,) = self.tokens([text])
        return replace(prompt, examples=examples, text=text, tokens=tokens)


def shown_ids(prompts: Sequence[Prompt]) -> tuple[tuple[str, ...], ...]:
    """Return the ids of each prompt's examples; nothing where no prompt has any."""
    found = tuple(tuple(row.id for row in prompt.examples) for prompt in prompts)
    return found if any(found) else ()


def left_out_notes(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """Return a note on the prompts that had no room for all of their examples."""
    hit = [prompt for prompt in prompts if prompt.left_out]
    if not hit:
        return ()
    examples = sum(prompt.left_out for prompt in hit)
    return (
        f"{len(hit)} prompts left out {examples} solved examples, for which task.max_length has no "
        f"room (first: {hit[0].row.place})",
    )
