"""Word problems: the steps and the answer are written after a problem, or the answer alone.

    Problem: …                                   Problem: …
    Solution: steps. Answer: number ⏎            Answer: number ⏎

The number that was written is read off by rule (`loratory.metrics.numbers`) and must be the right
one exactly. Steps before an answer: Wei et al. 2022, arXiv:2201.11903; asked for without an
example: Kojima et al. 2022, arXiv:2205.11916.
"""

from collections.abc import Sequence
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from loratory.batching.rows import Encoding
from loratory.data.problems import PLAIN_NUMBER, plain_number
from loratory.data.rows import ProblemRow
from loratory.errors import ConfigError
from loratory.metrics.baselines import Baseline
from loratory.metrics.numbers import evaluate_numbers, most_frequent_answer
from loratory.metrics.predictions import Prediction
from loratory.recipe.schema import SolvedProblem, WordProblemTask
from loratory.tasks.prompt import Template
from loratory.tasks.task import Scores, Written
from loratory.tasks.tokens import reserved_notes
from loratory.tasks.written_answers import WrittenAnswers

_LEADS = {"steps": "Solution:", "answer": "Answer:"}


class WordProblem(WrittenAnswers):
    """Write the answer to a problem, with the steps to it or without."""

    main_metric = "accuracy"
    metrics = ("accuracy", "answered")
    cuts = "problem"

    def __init__(
        self, section: WordProblemTask, *, tokenizer: PreTrainedTokenizerBase, positions: int
    ) -> None:
        own = [_row(number, example) for number, example in enumerate(section.examples)]
        super().__init__(section, own, tokenizer=tokenizer, positions=positions)
        usual = f"Problem: {{problem}}\n{_LEADS[section.writes]}"
        self.template = Template(section.template or usual, ["problem"])
        self.writes = section.writes

    def ask(self, row: ProblemRow) -> str:
        """Return the row's own prompt."""
        return self.template.filled({"problem": row.problem})

    def answer(self, row: ProblemRow) -> str:
        """Return the steps and the answer, or the answer alone, as they follow the prompt."""
        if self.writes == "answer":
            return self.template.gap + row.answer
        steps = [row.solution] if row.solution else []
        return self.template.gap + " ".join([*steps, f"Answer: {row.answer}"])

    def about(self, row: ProblemRow) -> str:
        """Return nothing: no two problems begin alike."""
        del row
        return ""

    def encode(self, rows: Sequence[ProblemRow]) -> Encoding:
        """Write the prompts; learned is what `answer` returns, and its end.

        Raises:
            DataError: a prompt above `max_length` that may not be cut (DATA-TRUNC).
        """
        encoding = super().encode(rows)
        notes = reserved_notes(self.tokenizer, [(row.problem, row.place) for row in rows])
        return replace(encoding, notes=(*notes, *encoding.notes))

    def prediction(self, row: ProblemRow, outputs: Sequence[Written]) -> Prediction:
        """Return what was written up to where a further problem begins."""
        (written,) = outputs
        text, scores = self.said(written)
        if start := self.template.parts[0].strip():
            text = text.split(f"\n{start}")[0].strip()
        if self.writes == "answer":
            text = text.split("\n")[0]
        return Prediction(row.id, row.problem, row.answer or None, text, scores)

    def score(self, predictions: Sequence[Prediction]) -> Scores:
        """Return the share of right answers, and of those that give a number at all."""
        return evaluate_numbers(predictions)

    def baselines(self, train: Sequence[ProblemRow], rows: Sequence[ProblemRow]) -> list[Baseline]:
        """Return what the most frequent answer of the training rows scores."""
        answers = [row.answer for row in train]
        return [most_frequent_answer(answers, [row.answer for row in rows])]


def _row(number: int, example: SolvedProblem) -> ProblemRow:
    """Return a solved problem of the recipe as a row.

    Raises:
        ConfigError: its answer is no plain number (CFG-VALUE).
    """
    place = f"task.examples[{number}]"
    answer = plain_number(example.answer)
    if answer is None:
        raise ConfigError(
            "CFG-VALUE",
            "the answer of a solved example is no plain number",
            at=f"{place}.answer",
            got=example.answer,
            expected=PLAIN_NUMBER,
            fix="write the number alone, without its unit",
        )
    steps = " ".join(example.solution.split())
    return ProblemRow(place, example.problem, answer, steps, place)
