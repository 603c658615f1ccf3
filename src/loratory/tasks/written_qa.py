"""Written answers: a prompt with context and question, and the answer after it, token by token.

Trained on are the answer's tokens alone, and the end of text after them, which is how the model
learns to stop. Where a context has no answer, a fixed phrase is the answer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding
from loratory.batching.tree import common_length
from loratory.data.rows import QuestionRow
from loratory.errors import ConfigError
from loratory.losses import Loss, cross_entropy
from loratory.metrics.baselines import Baseline, written_answer_baselines
from loratory.metrics.predictions import Prediction
from loratory.metrics.written_answers import evaluate_written_answers
from loratory.models.network import Network
from loratory.recipe.schema import WrittenQATask
from loratory.tasks.prompt import Template
from loratory.tasks.questions import as_questions, right_texts
from loratory.tasks.task import Output, Scores, Writing, Written
from loratory.tasks.tokens import (
    beginning,
    fitting,
    longest,
    over_length,
    reserved_notes,
    token_ids,
)


class _Asked(NamedTuple):
    """A prompt and the answer to learn, as tokens."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


CUT = "cut"
"""The score that says, by 1, that an answer came to no end within the limit."""


class WrittenQA:
    """Write the answer to a question about a context."""

    heads = ()
    main_metric = "f1"
    metrics = ("bleu_1", "exact_match", "f1", "false_no_answer", "no_answer_accuracy")

    def __init__(
        self, section: WrittenQATask, *, tokenizer: PreTrainedTokenizerBase, positions: int
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise ConfigError(
                "CFG-VALUE",
                "the base's tokenizer has no end-of-text token, so no answer could end",
                at="base",
                fix="use a base whose tokenizer has one",
            )
        self.tokenizer = tokenizer
        self.template = Template(section.template, ["context", "question"])
        self.no_answer = section.no_answer
        self.too_long = section.too_long
        self.beginning = beginning(tokenizer, bos=section.bos)
        least = len(self.beginning) + section.decoding.max_new_tokens + 1
        self.max_length = longest(section.max_length, positions, least=least)
        self.end = int(tokenizer.eos_token_id)
        self.writing = Writing(section.decoding, (self.end,))

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add nothing: the vocabulary is all the head there is."""

    def encode(self, rows: Sequence[QuestionRow]) -> Encoding:
        """Write the prompts; learned are the first right answers and their ends.

        Raises:
            DataError: a prompt above `max_length` that may not be cut (DATA-TRUNC).
        """
        truncated = 0
        parts = self._asked(rows)
        for number, row in enumerate(rows):
            if len(parts[number].prompt) > self._room(parts[number]):
                parts[number] = self._cut(row, parts[number])
                truncated += 1
        shared = _shared([row.context for row in rows], [part.prompt for part in parts])
        learned, asked = [], []
        for (prompt, answer), cut in zip(parts, shared, strict=True):
            positions = tuple(range(len(prompt) - 1, len(prompt) + len(answer)))
            segments = (prompt[:cut], prompt[cut:], answer) if cut else (prompt, answer)
            learned.append(EncodedRow(segments, positions, (*answer, self.end)))
            asked.append((EncodedRow((prompt,), (), ()),))
        texts = [(f"{row.question}\n{row.context}", row.place) for row in rows]
        notes = reserved_notes(self.tokenizer, texts)
        return Encoding(tuple(learned), tuple(asked), truncated, notes, asked_loss=False)

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the cross-entropy of the answers' tokens and ends, summed."""
        return cross_entropy(network.logits(hidden[batch.read_at]), batch.targets)

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> list[Output]:
        """Answers are written, not read off one pass."""
        del network, hidden, batch
        raise TypeError("a written answer comes from `writing`")

    def prediction(self, row: QuestionRow, outputs: Sequence[Written]) -> Prediction:
        """Return the answer as text, with the log-probability of its tokens."""
        (written,) = outputs
        text = str(self.tokenizer.decode([*written.tokens], skip_special_tokens=True)).strip()
        scores = {"log_probability": written.log_probability, CUT: float(written.cut)}
        return Prediction(row.id, row.question, right_texts(row), text, scores)

    def score(self, predictions: Sequence[Prediction]) -> Scores:
        """Return BLEU-1, exact match and F1 of answerable questions; the others apart."""
        return evaluate_written_answers(predictions, phrase=self.no_answer)

    def baselines(
        self, train: Sequence[QuestionRow], rows: Sequence[QuestionRow]
    ) -> list[Baseline]:
        """Return what a sentence that shares the question's words scores."""
        del train
        return written_answer_baselines(as_questions(rows), phrase=self.no_answer)

    def _asked(self, rows: Sequence[QuestionRow]) -> list[_Asked]:
        prompts = [self._prompt(row.context, row.question) for row in rows]
        answers = [
            self.template.gap + (row.answers[0].text if row.answers else self.no_answer)
            for row in rows
        ]
        wholes = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
        found = []
        for prompt, answer, whole in zip(
            *(token_ids(self.tokenizer, texts) for texts in (prompts, answers, wholes)), strict=True
        ):
            # Where the two would melt into one token, the prompt stays what it is without an
            # answer: that is how it is asked.
            parts = whole[: len(prompt)] == prompt
            learned = whole[len(prompt) :] if parts else answer
            found.append(_Asked((*self.beginning, *prompt), tuple(learned)))
        return found

    def _prompt(self, context: str, question: str) -> str:
        return self.template.filled({"context": context, "question": question})

    def _room(self, asked: _Asked) -> int:
        """Return the tokens that its answer, and what is written, leave to the prompt."""
        return self.max_length - max(len(asked.answer), self.writing.decoding.max_new_tokens)

    def _cut(self, row: QuestionRow, asked: _Asked) -> _Asked:
        """Return the row with the end of its context left out."""
        most = self._room(asked)
        if self.too_long == "refuse":
            raise over_length(row.place, len(asked.prompt), most)

        def prompt(context: str) -> tuple[int, ...]:
            (tokens,) = token_ids(self.tokenizer, [self._prompt(context, row.question)])
            return (*self.beginning, *tokens)

        kept = fitting(row.context, most, lambda text: len(prompt(text)), place=row.place)
        return _Asked(prompt(kept), asked.answer)


def _shared(contexts: Sequence[str], prompts: Sequence[tuple[int, ...]]) -> list[int]:
    """Return how many tokens each prompt begins with in common with all others of its context."""
    of_context: dict[str, list[tuple[int, ...]]] = {}
    for context, prompt in zip(contexts, prompts, strict=True):
        of_context.setdefault(context, []).append(prompt)
    cuts = {
        # The first and the last of them, sorted, have in common what all have.
        context: common_length(min(found), max(found)) if len(found) > 1 else 0
        for context, found in of_context.items()
    }
    return [cuts[context] for context in contexts]
