"""What costs next to nothing: the scores that a tuned model has to beat.

The majority class says the same for every row. TF-IDF with logistic regression counts words and
pairs of words; with nothing to learn from it, too, says the majority class.

A question is answered with the whole sentence of its context that is closest to it by TF-IDF, the
first of several; only the contexts are counted, so nothing is learned from any right answer. Where
questions may be unanswerable, saying so of every one is a baseline, too.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loratory.metrics.classification import classification_metrics, confusion_matrix
from loratory.metrics.intervals import classification_intervals
from loratory.metrics.predictions import Prediction
from loratory.metrics.questions import QuestionScores, evaluate_questions
from loratory.metrics.squad import Version
from loratory.metrics.written_answers import WrittenScores, evaluate_written_answers

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")

Question = tuple[str, str, tuple[str, ...]]
"""A question, its context, and every answer that counts as right."""


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


def question_baselines(rows: Sequence[Question], *, version: Version) -> list[Baseline]:
    """Return the closest sentence and, by v2.0's rules, no answer at all, scored on `rows`.

    Raises:
        DataError: what `evaluate_questions` refuses.
    """
    answers = {"closest sentence by TF-IDF": _closest_sentences(rows)}
    if version == "2.0":
        answers["always no answer"] = [""] * len(rows)
    return _scored(rows, answers, lambda lines: evaluate_questions(lines, version=version))


def written_answer_baselines(rows: Sequence[Question], *, phrase: str) -> list[Baseline]:
    """Return the closest sentence and, where a question is unanswerable, always the `phrase`.

    Raises:
        DataError: what `evaluate_written_answers` refuses.
    """
    answers = {"closest sentence by TF-IDF": _closest_sentences(rows)}
    if not all(golds for _, _, golds in rows):
        answers["always no answer"] = [phrase] * len(rows)
    return _scored(rows, answers, lambda lines: evaluate_written_answers(lines, phrase=phrase))


def _scored(
    rows: Sequence[Question],
    answers: dict[str, list[str]],
    evaluate: Callable[[list[Prediction]], QuestionScores | WrittenScores],
) -> list[Baseline]:
    baselines = []
    for name, texts in answers.items():
        lines = [
            Prediction(str(number), question, golds, text, scores={}, group=context)
            for number, ((question, context, golds), text) in enumerate(
                zip(rows, texts, strict=True)
            )
        ]
        scores = evaluate(lines)
        baselines.append(Baseline(name, scores.metrics, scores.intervals))
    return baselines


def _closest_sentences(rows: Sequence[Question]) -> list[str]:
    """Return for each question the sentence of its context that shares most with it."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    contexts = list(dict.fromkeys(context for _, context, _ in rows))
    sentences = {context: _sentences(context) for context in contexts}
    every = [sentence for context in contexts for sentence in sentences[context]]
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    words = vectorizer.build_analyzer()
    if not any(words(sentence) for sentence in every):
        return [sentences[context][0] for _, context, _ in rows]
    vectorizer.fit(every)
    features = {context: vectorizer.transform(sentences[context]) for context in contexts}
    questions = vectorizer.transform([question for question, _, _ in rows])
    return [
        sentences[context][int((features[context] @ questions[number].T).toarray().argmax())]
        for number, (_, context, _) in enumerate(rows)
    ]


def _sentences(context: str) -> list[str]:
    """Return the sentences of a context; an empty one where it has no text."""
    pieces = [piece.strip() for piece in _SENTENCE_END.split(context)]
    return [piece for piece in pieces if piece] or [""]


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
