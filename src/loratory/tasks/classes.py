"""What all tasks that choose among classes share, however they come to the probabilities."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

from loratory.data.rows import Row
from loratory.metrics.baselines import Baseline, classification_baselines
from loratory.metrics.predictions import Prediction
from loratory.metrics.temperature import TEMPERATURE, at_temperature, settled_temperature

CLASS_METRICS = ("accuracy", "precision", "recall", "f1", "matthews_correlation")


class Tempered:
    """A task whose probabilities get a temperature after training; its answers stay as they are."""

    labels: tuple[str, ...]
    temperature = 1.0
    settles_on = "validation"

    def settle(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return the temperature at which these are likeliest, 1 where that is hardly better."""
        return settled_temperature(predictions, self.labels)

    def settled(self, values: Mapping[str, float]) -> Self:
        """Return the task with its temperature."""
        task = copy.copy(self)
        task.temperature = values.get(TEMPERATURE, 1.0)
        return task

    def decided(self, prediction: Prediction) -> Prediction:
        """Return a line of temperature 1 with the probabilities that the temperature makes."""
        return replace(prediction, scores=at_temperature(prediction.scores, self.temperature))


def class_prediction(row: Row, labels: Sequence[str], scores: Sequence[float]) -> Prediction:
    """Return the most probable class of `row`; of equals, the first."""
    best = max(range(len(scores)), key=scores.__getitem__)
    by_label = dict(zip(labels, scores, strict=True))
    return Prediction(row.id, row.text, labels[row.label], labels[best], by_label)


def class_baselines(
    train: Sequence[Row], rows: Sequence[Row], labels: Sequence[str]
) -> list[Baseline]:
    """Return the baselines of classification on `rows`, learned from `train`."""
    learned, scored = ([(row.text, row.label) for row in part] for part in (train, rows))
    return classification_baselines(learned, scored, labels)
