"""What tasks share that write an answer after a prompt, token by token.

Learned are the answer's tokens alone, and the end of text after them, which is how the model learns
to stop. Where solved examples stand before the prompt, a line break ends the answer too: it ended
theirs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding
from loratory.batching.tree import Tokens, common_length
from loratory.errors import ConfigError
from loratory.losses import Loss, negative_log_p
from loratory.models.network import Network
from loratory.recipe.schema import WordProblemTask, WrittenQATask
from loratory.tasks.examples import Examples, SameForAll
from loratory.tasks.shown import Prompt, Prompts, left_out_notes, shown_ids
from loratory.tasks.task import Predicted, Writing, Written
from loratory.tasks.tokens import beginning, longest, token_ids

CUT = "cut"
"""The score that says, by 1, that an answer came to no end within the limit."""


class _Asked(NamedTuple):
    """A prompt, and the answer to learn as tokens."""

    prompt: Prompt
    answer: Tokens


class WrittenAnswers(ABC):
    """Writes an answer after a prompt."""

    heads = ()
    cuts: str
    """The part of a row that may be cut."""

    def __init__(
        self,
        section: WrittenQATask | WordProblemTask,
        own: Sequence[Any] = (),
        *,
        tokenizer: PreTrainedTokenizerBase,
        positions: int,
    ) -> None:
        """Begin with solved rows of the recipe's `own` before each prompt.

        Raises:
            ConfigError: the base cannot end a text, or not read one as long as the recipe allows.
        """
        if tokenizer.eos_token_id is None:
            raise ConfigError(
                "CFG-VALUE",
                "the base's tokenizer has no end-of-text token, so no answer could end",
                at="base",
                fix="use a base whose tokenizer has one",
            )
        self.tokenizer = tokenizer
        self.end = int(tokenizer.eos_token_id)
        self.decoding = section.decoding
        self.prompts = Prompts(
            tokenizer,
            beginning(tokenizer, bos=section.bos),
            ask=self.ask,
            answer=self.answer,
            cuts=self.cuts,
            too_long=section.too_long,
            instruction=section.instruction,
            examples=SameForAll(tuple(own)),
        )
        least = len(self.prompts.beginning) + section.decoding.max_new_tokens + 1
        self.max_length = longest(section.max_length, positions, least=least)
        self.shows = bool(own)

    @abstractmethod
    def ask(self, row: Any) -> str:
        """Return the row's own prompt."""

    @abstractmethod
    def answer(self, row: Any) -> str:
        """Return the row's right answer, as it follows the prompt."""

    @abstractmethod
    def about(self, row: Any) -> str:
        """Return what rows have in common that begin alike, apart from their examples."""

    @property
    def writing(self) -> Writing:
        """How answers are written."""
        breaks = token_ids(self.tokenizer, ["\n", "\n\n", "\n\n\n"]) if self.shows else []
        ends = {self.end, *(tokens[0] for tokens in breaks if tokens)}
        return Writing(self.decoding, tuple(sorted(ends)))

    def showing(self, examples: Examples) -> Self:
        """Return the task with other solved examples before its prompts."""
        task = copy(self)
        task.prompts = replace(self.prompts, examples=examples)
        task.shows = True
        return task

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add nothing: the vocabulary is all the head there is."""
        del network, generator

    def encode(self, rows: Sequence[Any]) -> Encoding:
        """Write the prompts; learned are the right answers and their ends.

        Raises:
            DataError: a prompt above `max_length` that may not be cut (DATA-TRUNC).
        """
        parts = self._asked(rows)
        prompts = [part.prompt for part in parts]
        shared = _shared([self.about(row) for row in rows], [prompt.tokens for prompt in prompts])
        learned, asked = [], []
        for (prompt, answer), cut in zip(parts, shared, strict=True):
            read = prompt.tokens
            positions = tuple(range(len(read) - 1, len(read) + len(answer)))
            segments = (read[:cut], read[cut:], answer) if cut else (read, answer)
            learned.append(EncodedRow(segments, positions, (*answer, self.end)))
            asked.append((EncodedRow((read,), (), ()),))
        return Encoding(
            tuple(learned),
            tuple(asked),
            sum(prompt.cut for prompt in prompts),
            left_out_notes(prompts),
            asked_loss=False,
            examples=shown_ids(prompts),
        )

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the cross-entropy of the answers' tokens and ends, summed."""
        scores = network.token_scores(hidden[batch.read_at], batch.targets)
        return negative_log_p(*scores, batch.counts)

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Predicted:
        """Answers are written, not read off one pass."""
        del network, hidden, batch
        raise TypeError("a written answer comes from `writing`")

    def said(self, written: Written) -> tuple[str, dict[str, float]]:
        """Return an answer as text, and the scores of its line."""
        text = str(self.tokenizer.decode([*written.tokens], skip_special_tokens=True)).strip()
        scores = {"log_probability": written.log_probability, CUT: float(written.cut)}
        return text.split("\n")[0] if self.shows else text, scores

    def _asked(self, rows: Sequence[Any]) -> list[_Asked]:
        prompts = self.prompts.of(rows)
        answers = [self.answer(row) for row in rows]
        wholes = [prompt.text + answer for prompt, answer in zip(prompts, answers, strict=True)]
        begun = len(self.prompts.beginning)
        found = []
        for prompt, answer, whole in zip(
            prompts, self._tokens(answers), self._tokens(wholes), strict=True
        ):
            read = list(prompt.tokens[begun:])
            # Where the two would melt into one token, the prompt stays what it is without an
            # answer: that is how it is asked.
            learned = whole[len(read) :] if whole[: len(read)] == read else answer
            most = self.max_length - max(len(learned), self.decoding.max_new_tokens)
            found.append(_Asked(self.prompts.fitted(prompt, most), tuple(learned)))
        return found

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return token_ids(self.tokenizer, texts) if texts else []


def _shared(keys: Sequence[str], prompts: Sequence[Tokens]) -> list[int]:
    """Return how many tokens each prompt begins with in common with all others of its key."""
    of_key: dict[str, list[Tokens]] = {}
    for key, prompt in zip(keys, prompts, strict=True):
        of_key.setdefault(key, []).append(prompt)
    cuts = {
        # The first and the last of them, sorted, have in common what all have.
        key: common_length(min(found), max(found)) if len(found) > 1 else 0
        for key, found in of_key.items()
    }
    return [cuts[key] for key in keys]
