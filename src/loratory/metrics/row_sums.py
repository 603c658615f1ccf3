"""Every metric as a function of sums over rows, so that rows can be drawn again without scoring.

What a row adds to the sums is computed once: one of the class that it is, of the class that was
said, and of both; its exact match and a one; its matches and lengths; its nats and bytes. A
resample is then a product of two matrices, whatever the metric.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import assert_never

import numpy as np

from loratory.metrics.bleu import bleu_1, corpus_bleu_1
from loratory.metrics.classification import Counts, Floats, metrics_of_counts
from loratory.metrics.evaluate import class_numbers
from loratory.metrics.language import language_metrics, text_sums
from loratory.metrics.numbers import number_values
from loratory.metrics.predictions import Prediction
from loratory.metrics.preferences import pair_values
from loratory.metrics.questions import Part, question_parts, right_answers
from loratory.metrics.squad import Version, score_rows
from loratory.metrics.written_answers import written_parts
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

_SHARE = (0.0, 1.0)
_CORRELATION = (-1.0, 1.0)
_ANY = (-inf, inf)
_AMOUNTS = (  # all other means over rows are shares
    "rewards/margins",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
)
_REFERENCE = "reference_chosen"  # a score of lines whose rewards are over a reference


@dataclass(frozen=True)
class RowSums:
    """One metric of one run, row by row."""

    columns: Floats
    """What each row adds to the sums, `[rows, columns]`."""

    metric: Callable[[Floats], Floats]
    """The metric of sums over rows, `[..., columns]` to `[...]`."""

    bounds: tuple[float, float]
    """The lowest and the highest value that the metric can have."""

    outcomes: Floats | None = None
    """Of a metric that counts rows, whether it counts each, 0 or 1; None of all others."""

    @property
    def value(self) -> float:
        """The metric on the rows as they are."""
        return float(self.metric(self.columns.sum(axis=0)))


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
            return _of_parts(_found(lines, "2.0" if task.unanswerable else "1.1"))
        case WrittenQATask():
            return _bleu(lines) | _of_parts(written_parts(lines, phrase=task.no_answer))
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
            bounds=_CORRELATION if name == "matthews_correlation" else _SHARE,
            outcomes=right if name == "accuracy" else None,
        )
        for name in metrics(columns.sum(axis=0))
    }


def _found(lines: Sequence[Prediction], version: Version) -> list[Part]:
    texts = {line.id: line.prediction for line in lines}
    return question_parts(score_rows(right_answers(lines), texts, version=version), version=version)


def _of_values(values: dict[str, Floats]) -> dict[str, RowSums]:
    """Return means over all rows."""
    rows = len(next(iter(values.values())))
    return _of_parts([Part(np.ones(rows, dtype=np.bool_), values)])


def _of_parts(parts: Sequence[Part]) -> dict[str, RowSums]:
    """Return means over some of the rows: each is the sum of its values, over that of ones."""
    found = {}
    for part in parts:
        for name, values in part.values.items():
            added = np.zeros(len(part.holds))
            added[part.holds] = values
            counts = name not in _AMOUNTS and not name.endswith("f1")
            found[name] = RowSums(
                np.column_stack([added, part.holds]),
                _mean,
                bounds=_ANY if name in _AMOUNTS else _SHARE,
                outcomes=added if counts else None,
            )
    return found


def _mean(sums: Floats) -> Floats:
    # A resample may hold none of the rows that a metric is of.
    mean: Floats = sums[..., 0] / np.maximum(sums[..., 1], 1)
    return mean


def _bleu(lines: Sequence[Prediction]) -> dict[str, RowSums]:
    some = np.array([bool(line.target) for line in lines])
    answerable = [line for line in lines if line.target]
    if not answerable:
        return {}
    golds = right_answers(answerable)
    bleu = corpus_bleu_1([line.prediction for line in answerable], [*golds.values()])
    columns = np.zeros((len(lines), bleu.statistics.shape[1]))
    columns[some] = bleu.statistics
    return {"bleu_1": RowSums(columns, bleu_1, (0.0, 100.0))}


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
