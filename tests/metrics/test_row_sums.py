"""Sums over rows give what each task's own scoring gives, and what it gives on resampled rows."""

import numpy as np
import pytest

from loratory.metrics.evaluate import evaluate_classification
from loratory.metrics.language import evaluate_language
from loratory.metrics.numbers import evaluate_numbers
from loratory.metrics.predictions import Prediction
from loratory.metrics.preferences import evaluate_preferences
from loratory.metrics.questions import evaluate_questions
from loratory.metrics.row_sums import row_sums
from loratory.metrics.written_answers import evaluate_written_answers
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    PreferenceTask,
    SpanQATask,
    TextTask,
    WordProblemTask,
    WrittenQATask,
)

ROWS = 40
DRAW = np.random.default_rng(0)
ANSWERS = ["the red door", "a door", "red", "", "none"]


def class_lines(labels):
    lines = []
    for number in range(ROWS):
        target, said = (str(text) for text in DRAW.choice(labels, size=2))
        said = target if number % 3 else said
        scores = {label: 1 / len(labels) for label in labels}
        lines.append(Prediction(f"{number}", "text", target, said, scores))
    return lines


def question_lines(*, unanswerable):
    return [
        Prediction(
            f"{number}",
            "which?",
            () if unanswerable and number % 4 == 0 else ("the red door", "door"),
            str(DRAW.choice(ANSWERS)),
            {},
        )
        for number in range(ROWS)
    ]


def text_lines():
    sums = DRAW.integers(5, 60, size=(ROWS, 3)).astype(float)
    sums[3] = 0
    names = ("nats", "tokens", "bytes")
    return [
        Prediction(f"{number}", "t", None, "", dict(zip(names, row.tolist(), strict=True)))
        for number, row in enumerate(sums)
    ]


def number_lines():
    said = ["The answer is 4.", "answer: 5", "I do not know"]
    return [Prediction(f"{n}", "p", "4", str(DRAW.choice(said)), {}) for n in range(ROWS)]


def pair_lines():
    names = [f"{what}_{which}" for what in ("reward", "logp", "reference", "tokens")
             for which in ("chosen", "rejected")]  # fmt: skip
    return [
        Prediction(
            f"{number}",
            "prompt",
            "chosen",
            str(DRAW.choice(["chosen", "rejected"])),
            dict(zip(names, DRAW.normal(size=len(names)).tolist(), strict=True)),
        )
        for number in range(ROWS)
    ]


AB, ABC = ["a", "b"], ["a", "b", "c"]
TASKS = {
    "classify": (ClassifyTask(), class_lines(AB), lambda p: evaluate_classification(p, AB)),
    "label_words": (LabelWordsTask(), class_lines(ABC), lambda p: evaluate_classification(p, ABC)),
    "span_qa": (
        SpanQATask(),
        question_lines(unanswerable=False),
        lambda p: evaluate_questions(p, version="1.1"),
    ),
    "span_qa 2.0": (
        SpanQATask(unanswerable=True),
        question_lines(unanswerable=True),
        lambda p: evaluate_questions(p, version="2.0"),
    ),
    "written_qa": (
        WrittenQATask(no_answer="none"),
        question_lines(unanswerable=True),
        lambda p: evaluate_written_answers(p, phrase="none"),
    ),
    "text": (TextTask(), text_lines(), evaluate_language),
    "word_problem": (WordProblemTask(), number_lines(), evaluate_numbers),
    "preference": (
        PreferenceTask(),
        pair_lines(),
        lambda p: evaluate_preferences(p, referred=True),
    ),
}
LABELS = {"classify": AB, "label_words": ABC}


@pytest.mark.parametrize("name", TASKS)
def test_the_sums_of_all_rows_give_every_metric_of_the_task(name):
    task, lines, score = TASKS[name]
    found = row_sums(task, lines, labels=LABELS.get(name, []))
    assert {metric: sums.value for metric, sums in found.items()} == pytest.approx(
        score(lines).metrics
    )


@pytest.mark.parametrize("name", TASKS)
def test_the_sums_of_drawn_rows_give_the_metrics_of_these_rows(name):
    task, lines, score = TASKS[name]
    drawn = DRAW.integers(ROWS, size=ROWS)
    copies = [
        Prediction(f"copy {number}", own.text, own.target, own.prediction, own.scores)
        for number, own in enumerate(lines[row] for row in drawn)
    ]
    for metric, sums in row_sums(task, lines, labels=LABELS.get(name, [])).items():
        value = float(sums.metric(sums.columns[drawn].sum(axis=0)))
        assert value == pytest.approx(score(copies).metrics[metric]), metric
        assert sums.bounds[0] <= value <= sums.bounds[1]


@pytest.mark.parametrize("name", TASKS)
def test_outcomes_are_those_rows_that_the_metric_counts(name):
    task, lines, _ = TASKS[name]
    found = row_sums(task, lines, labels=LABELS.get(name, []))
    counted = {metric: sums.outcomes for metric, sums in found.items() if sums.outcomes is not None}
    assert counted or name == "text"
    for metric, outcomes in counted.items():
        assert set(np.unique(outcomes)) <= {0.0, 1.0}
        rows = len(lines)
        if metric.startswith(("has_answer", "false_no")) or task.kind == "written_qa":
            rows = sum(bool(line.target) for line in lines)
        if metric == "no_answer_accuracy":
            rows = sum(not line.target for line in lines)
        assert outcomes.sum() / rows == pytest.approx(found[metric].value)
