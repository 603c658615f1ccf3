"""What the predictions of a run amount to, row by row, as its kind of task is scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import assert_never

import numpy as np

from loratory.errors import DataError
from loratory.metrics.calibration import Calibration, classification_calibration
from loratory.metrics.evaluate import (
    ClassificationScores,
    class_numbers,
    class_probabilities,
    evaluate_classification,
)
from loratory.metrics.numbers import number_values
from loratory.metrics.predictions import Prediction
from loratory.metrics.questions import right_answers
from loratory.metrics.squad import Version, exact_match, f1, normalised
from loratory.metrics.temperature import TEMPERATURE, at_temperature
from loratory.report.record import RunRecord

_LOG_PROBABILITY = "log_probability"  # what a line of a written answer has in place of candidates


@dataclass(frozen=True)
class ClassAccount:
    """Classes chosen for texts."""

    lines: Sequence[Prediction]
    scores: ClassificationScores
    before: Calibration | None = None
    """The calibration before a temperature was chosen; None where there is none."""

    @property
    def calibration(self) -> Calibration:
        """How well the probabilities agree with the accuracy."""
        return self.scores.calibration


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question, beside the right ones."""

    line: Prediction
    right: tuple[str, ...]
    """Empty where the question has no answer."""

    declined: bool
    """It says that there is no answer."""

    probability: float | None
    """Of this answer, as the model sees it; None where it gave none."""

    exact_match: float
    f1: float


@dataclass(frozen=True)
class QuestionAccount:
    """Answers given to questions."""

    answers: tuple[Answer, ...]
    version: Version
    """Of the rules by which they are scored."""

    @property
    def calibration(self) -> Calibration | None:
        """How well the probabilities agree with exact match; None where one is not known."""
        known = [answer.probability for answer in self.answers if answer.probability is not None]
        if len(known) < len(self.answers):
            return None
        sure = np.array(known)
        right = np.array([int(answer.exact_match) for answer in self.answers])
        # Whether the answer is right is a choice of two, and the model always bets that it is.
        return classification_calibration(
            np.column_stack([1 - sure, sure]), right, predicted=np.ones_like(right)
        )

    def answered(self, answer: Answer) -> Answer:
        """Return the answer that the model would give if it had to give one."""
        candidates = {text: p for text, p in answer.line.scores.items() if text}
        best = max(candidates, key=candidates.__getitem__, default="")
        return _answer(replace(answer.line, prediction=best), answer.right, self.version)


@dataclass(frozen=True)
class NumberAccount:
    """Numbers that answer problems, each written with the steps to it or alone."""

    lines: Sequence[Prediction]
    right: tuple[bool, ...]

    @property
    def calibration(self) -> None:
        """The probability is that of everything that was written, not of the number."""
        return


@dataclass(frozen=True)
class TextAccount:
    """Texts whose tokens were predicted; each line has its nats and tokens."""

    lines: Sequence[Prediction]

    @property
    def calibration(self) -> None:
        """Nothing is chosen, so nothing is sure."""
        return


Account = ClassAccount | QuestionAccount | TextAccount | NumberAccount


def accounted(record: RunRecord) -> tuple[RunRecord, Account | None]:
    """Return the account of the headline's predictions, or None and the record that says why."""
    if record.split is None:
        return record, None
    name = f"predictions/{record.split}.jsonl"
    if lines := record.predictions.get(record.split):
        try:
            return record, _account(record, lines)
        except DataError as error:
            problem = f"{name} cannot be scored: {error.headline}"
    elif any(name in problem for problem in record.problems):
        return record, None
    else:
        problem = f"{name} is not there: {_missing(record)}."
    return replace(record, problems=(*record.problems, problem)), None


def _account(record: RunRecord, lines: Sequence[Prediction]) -> Account | None:
    match record.reads:
        case "labelled":
            scores = evaluate_classification(lines, record.labels)
            return ClassAccount(lines, scores, _before_temperature(record, lines))
        case "questions":
            return _question_account(record, lines)
        case "problems":
            right = number_values(lines)["accuracy"]
            return NumberAccount(lines, tuple(map(bool, right)))
        case "texts":
            return TextAccount([line for line in lines if _has_tokens(line)])
        case "pairs" | None:
            return None
        case _:
            assert_never(record.reads)


def _before_temperature(record: RunRecord, lines: Sequence[Prediction]) -> Calibration | None:
    """Return the calibration of the probabilities that the temperature was chosen for."""
    temperature = record.result.settled.get(TEMPERATURE, 1.0)
    if temperature == 1:
        return None
    undone = [replace(line, scores=at_temperature(line.scores, 1 / temperature)) for line in lines]
    targets, predicted = class_numbers(undone, record.labels)
    probabilities = class_probabilities(undone, record.labels)
    return classification_calibration(probabilities, targets, predicted=predicted)


def _question_account(record: RunRecord, lines: Sequence[Prediction]) -> QuestionAccount:
    golds = right_answers(lines)
    unanswerable = record.setting("task", "unanswerable") or not all(golds.values())
    version: Version = "2.0" if unanswerable else "1.1"
    if record.writes_answers:
        phrase = normalised(str(record.setting("task", "no_answer") or "unanswerable"))
        answers = [_written(line, golds[line.id], version, phrase=phrase) for line in lines]
    else:
        answers = [_answer(line, golds[line.id], version) for line in lines]
    return QuestionAccount(tuple(answers), version)


def _answer(line: Prediction, right: tuple[str, ...], version: Version) -> Answer:
    return Answer(
        line,
        right,
        declined=not line.prediction,
        probability=line.scores.get(line.prediction),
        exact_match=exact_match(line.prediction, right, version=version),
        f1=f1(line.prediction, right, version=version),
    )


def _written(line: Prediction, right: tuple[str, ...], version: Version, *, phrase: str) -> Answer:
    """Return the account of a written answer: a phrase in it says that there is none."""
    declined = normalised(line.prediction) == phrase
    log_probability = line.scores.get(_LOG_PROBABILITY)
    answer = replace(
        _answer(line, right, version),
        declined=declined,
        probability=None if log_probability is None else exp(min(log_probability, 0)),
    )
    # The rules know no phrase: to them, only an empty text says that there is no answer.
    return answer if right else replace(answer, exact_match=float(declined), f1=float(declined))


def _has_tokens(line: Prediction) -> bool:
    return line.scores.get("tokens", 0) > 0 and "nats" in line.scores


def _missing(record: RunRecord) -> str:
    """Say what the page lacks without predictions."""
    if record.reads == "labelled":
        return "no confusion matrix, no calibration, no mistakes"
    return "no texts to look at" if record.reads == "texts" else "no answers to look at"
