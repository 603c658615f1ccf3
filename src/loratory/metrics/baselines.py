"""What costs next to nothing: the scores that a tuned model has to beat.

The majority class says the same for every row. TF-IDF with logistic regression counts words and
pairs of words; with nothing to learn from it, too, says the majority class.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loratory.metrics.classification import classification_metrics, confusion_matrix
from loratory.metrics.intervals import classification_intervals


@dataclass(frozen=True)
class Baseline:
    """A baseline's scores on the rows that the model is scored on."""

    name: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def classification_baselines(
    train: Sequence[tuple[str, int]], evaluate: Sequence[tuple[str, int]], labels: Sequence[str]
) -> list[Baseline]:
    """Return both baselines, learned from `train` and scored on `evaluate`.

    Rows are pairs of a text and the number of its class in `labels`.
    """
    texts = [text for text, _ in evaluate]
    targets = [target for _, target in evaluate]
    predictions = {
        "TF-IDF + logistic regression": _tfidf_predictions(train, texts),
        "majority class": [_majority_class(train)] * len(texts),
    }
    baselines = []
    for name, predicted in predictions.items():
        confusion = confusion_matrix(targets, predicted, classes=len(labels))
        metrics = classification_metrics(confusion)
        baselines.append(
            Baseline(
                name=name,
                metrics={metric: float(value) for metric, value in metrics.items()},
                intervals=classification_intervals(confusion),
            )
        )
    return baselines


def _majority_class(train: Sequence[tuple[str, int]]) -> int:
    """Return the most frequent class, the first of them when several are."""
    counts = Counter(target for _, target in train)
    return min(counts, key=lambda target: (-counts[target], target))


def _tfidf_predictions(train: Sequence[tuple[str, int]], texts: Sequence[str]) -> list[int]:
    # Inside, because scikit-learn takes longer to load than a recipe takes to be refused.
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    words = vectorizer.build_analyzer()
    targets = [target for _, target in train]
    if len(set(targets)) == 1 or not any(words(text) for text, _ in train):
        return [_majority_class(train)] * len(texts)
    features = vectorizer.fit_transform([text for text, _ in train])
    classifier = LogisticRegression(max_iter=1000).fit(features, targets)
    return [int(target) for target in classifier.predict(vectorizer.transform(texts))]
