"""Every metric as a function of sums over rows, so that rows can be drawn again without scoring.

What a row adds to the sums is computed once: one of the class that it is, of the class that was
said, and of both; its exact match and a one; its matches and lengths; its nats and bytes. A
resample is then a product of two matrices, whatever the metric.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import assert_never

import numpy as np

from loratory.metrics.classification import Counts, Floats, metrics_of_counts
from loratory.metrics.evaluate import class_numbers
from loratory.metrics.language import language_metrics, text_sums
from loratory.metrics.numbers import number_values
from loratory.metrics.parts import SHARE, Part, RowSums, part_sums
from loratory.metrics.predictions import Prediction
from loratory.metrics.preferences import pair_values
from loratory.metrics.questions import question_sums
from loratory.metrics.written_answers import written_sums
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    PreferenceTask,
    SpanQATask,
    TaskSection,
    TextTask,
    WordProblemTask,
    WrittenQATask,
)

_CORRELATION = (-1.0, 1.0)
_REFERENCE = "reference_chosen"  # a score of lines whose rewards are over a reference


def row_sums(
    task: TaskSection, lines: Sequence[Prediction], *, labels: Sequence[str] = ()
) -> dict[str, RowSums]:
    """Return each metric that the task has on these lines; `labels` are those of classes.

    Raises:
        DataError: what the task's own scoring refuses.
    """
    match task:
        case ClassifyTask() | LabelWordsTask():
            return _of_classes(*class_numbers(lines, labels), classes=len(labels))
        case SpanQATask():
            return question_sums(lines, version="2.0" if task.unanswerable else "1.1")
        case WrittenQATask():
            return written_sums(lines, phrase=task.no_answer)
        case WordProblemTask():
            return _of_values(number_values(lines))
        case TextTask():
            return _of_texts(text_sums(lines))
        case PreferenceTask():
            return _of_values(pair_values(lines, referred=_REFERENCE in lines[0].scores))
        case _:
            assert_never(task)


def _of_classes(targets: Counts, predicted: Counts, *, classes: int) -> dict[str, RowSums]:
    every = np.eye(classes)
    right = (targets == predicted).astype(np.float64)
    columns = np.hstack([every[targets] * right[:, None], every[targets], every[predicted]])

    def metrics(sums: Floats) -> dict[str, Floats]:
        counts = np.split(sums, 3, axis=-1)
        return metrics_of_counts(counts[0], there=counts[1], predicted=counts[2])

    return {
        name: RowSums(
            columns,
            _named(metrics, name),
            bounds=_CORRELATION if name == "matthews_correlation" else SHARE,
            outcomes=right if name == "accuracy" else None,
        )
        for name in metrics(columns.sum(axis=0))
    }


def _of_values(values: dict[str, Floats]) -> dict[str, RowSums]:
    """Return means over all rows."""
    rows = len(next(iter(values.values())))
    return part_sums([Part(np.ones(rows, dtype=np.bool_), values)])


def _of_texts(sums: Floats) -> dict[str, RowSums]:
    scored = np.all(sums[:, 1:] > 0, axis=1, keepdims=True)

    def metrics(added: Floats) -> dict[str, Floats]:
        # A resample may hold no text with a token to predict.
        return language_metrics(np.maximum(added, (0, 1, 1)))

    columns = sums * scored
    return {
        name: RowSums(columns, _named(metrics, name), (0.0, inf))
        for name in metrics(columns.sum(axis=0))
    }


def _named(metrics: Callable[[Floats], dict[str, Floats]], name: str) -> Callable[[Floats], Floats]:
    return lambda sums: metrics(sums)[name]
