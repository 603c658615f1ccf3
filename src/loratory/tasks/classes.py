"""What all tasks that choose among classes share, however they come to the probabilities."""

from collections.abc import Sequence

from loratory.data.rows import Row
from loratory.metrics.baselines import Baseline, classification_baselines
from loratory.metrics.predictions import Prediction

CLASS_METRICS = ("accuracy", "precision", "recall", "f1", "matthews_correlation")


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
