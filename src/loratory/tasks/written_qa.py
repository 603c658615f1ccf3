"""Written answers: a prompt with context and question, and the answer after it, token by token.

Where a context has no answer, a fixed phrase is the answer.
"""

from collections.abc import Sequence
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from loratory.batching.rows import Encoding
from loratory.data.rows import QuestionRow
from loratory.metrics.baselines import Baseline, written_answer_baselines
from loratory.metrics.predictions import Prediction
from loratory.metrics.written_answers import evaluate_written_answers
from loratory.recipe.schema import WrittenQATask
from loratory.tasks.prompt import Template
from loratory.tasks.questions import as_questions, right_texts
from loratory.tasks.task import Scores, Written
from loratory.tasks.tokens import reserved_notes
from loratory.tasks.written_answers import WrittenAnswers


class WrittenQA(WrittenAnswers):
    """Write the answer to a question about a context."""

    main_metric = "f1"
    metrics = ("bleu_1", "exact_match", "f1", "false_no_answer", "no_answer_accuracy")
    cuts = "context"

    def __init__(
        self, section: WrittenQATask, *, tokenizer: PreTrainedTokenizerBase, positions: int
    ) -> None:
        super().__init__(section, tokenizer=tokenizer, positions=positions)
        self.template = Template(section.template, ["context", "question"])
        self.no_answer = section.no_answer

    def ask(self, row: QuestionRow) -> str:
        """Return the row's own prompt."""
        return self.template.filled({"context": row.context, "question": row.question})

    def answer(self, row: QuestionRow) -> str:
        """Return the row's first right answer, as it follows the prompt."""
        return self.template.gap + (row.answers[0].text if row.answers else self.no_answer)

    def about(self, row: QuestionRow) -> str:
        """Return the context."""
        return row.context

    def encode(self, rows: Sequence[QuestionRow]) -> Encoding:
        """Write the prompts; learned are the first right answers and their ends.

        Raises:
            DataError: a prompt above `max_length` that may not be cut (DATA-TRUNC).
        """
        encoding = super().encode(rows)
        texts = [(f"{row.question}\n{row.context}", row.place) for row in rows]
        notes = reserved_notes(self.tokenizer, texts)
        return replace(encoding, notes=(*notes, *encoding.notes))

    def prediction(self, row: QuestionRow, outputs: Sequence[Written]) -> Prediction:
        """Return the answer as text, with the log-probability of its tokens."""
        (written,) = outputs
        text, scores = self.said(written)
        return Prediction(row.id, row.question, right_texts(row), text, scores, row.paragraph)

    def score(self, predictions: Sequence[Prediction]) -> Scores:
        """Return BLEU-1, exact match and F1 of answerable questions; the others apart."""
        return evaluate_written_answers(predictions, phrase=self.no_answer)

    def baselines(
        self, train: Sequence[QuestionRow], rows: Sequence[QuestionRow]
    ) -> list[Baseline]:
        """Return what a sentence that shares the question's words scores."""
        del train
        return written_answer_baselines(as_questions(rows), phrase=self.no_answer)
