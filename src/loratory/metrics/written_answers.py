"""The complete account of answers that were written word by word, from their prediction lines.

Answerable and unanswerable questions are scored apart: the first by what was written, the second by
whether the recipe's phrase for "no answer" was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loratory.metrics.bleu import bleu_1, corpus_bleu_1
from loratory.metrics.intervals import mean_intervals, sum_intervals
from loratory.metrics.predictions import Prediction
from loratory.metrics.questions import Part, right_answers
from loratory.metrics.squad import Version, normalised, score_rows


@dataclass(frozen=True)
class WrittenScores:
    """How good written answers are, and how sure one can be of it."""

    metrics: dict[str, float]
    """Of answerable questions bleu_1 (0 to 100), exact_match, f1 and false_no_answer, the share
    that was wrongly answered with the phrase; of unanswerable ones no_answer_accuracy, the share
    that was answered with it. Where there are no such questions their metrics are left out."""

    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap interval of each metric, over the questions that it is of."""

    signature: str | None
    """How BLEU was computed; None where no question is answerable."""

    counts: dict[str, int]
    """Questions, how many are answerable and unanswerable, and how many got no words at all."""


def evaluate_written_answers(predictions: Sequence[Prediction], *, phrase: str) -> WrittenScores:
    """Return the metrics of written answers, where `phrase` says that there is none.

    It is recognised as right answers are, whatever its case and punctuation. exact_match and f1
    follow the rules of SQuAD v2.0 where a question is unanswerable, else those of v1.1.

    Raises:
        DataError: there are no predictions (DATA-EMPTY), one lacks its right answers (EVAL-MISSING,
            EVAL-TYPE), or an id is given twice (DATA-ID).
    """
    golds = right_answers(predictions)
    texts = {line.id: line.prediction for line in predictions}
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    bleu = None
    if answerable := [id_ for id_, right in golds.items() if right]:
        bleu = corpus_bleu_1([texts[id_] for id_ in answerable], [golds[id_] for id_ in answerable])
        metrics["bleu_1"] = bleu.score
        intervals |= sum_intervals(bleu.statistics, lambda sums: {"bleu_1": bleu_1(sums)})
    for part in written_parts(predictions, phrase=phrase):
        metrics |= {name: float(values.mean()) for name, values in part.values.items()}
        intervals |= mean_intervals(part.values)
    return WrittenScores(
        metrics=metrics,
        intervals=intervals,
        signature=bleu.signature if bleu else None,
        counts={
            "questions": len(golds),
            "answerable": len(answerable),
            "unanswerable": len(golds) - len(answerable),
            "empty": sum(not text.strip() for text in texts.values()),
        },
    )


def written_parts(predictions: Sequence[Prediction], *, phrase: str) -> list[Part]:
    """Return the metrics of the answerable questions, but for BLEU, and of the others.

    A part without a question is left out.

    Raises:
        DataError: as `evaluate_written_answers`.
    """
    golds = right_answers(predictions)
    texts = {line.id: line.prediction for line in predictions}
    version: Version = "1.1" if all(golds.values()) else "2.0"
    rows = score_rows(golds, texts, version=version)
    declined = np.array([_says(text, phrase) for text in texts.values()])
    some, none = rows.answerable, ~rows.answerable
    parts = []
    if some.any():
        # Where the phrase is the very answer that the context gives, it is no mistake.
        wrongly = declined & (rows.exact_match == 0)
        values = {
            "exact_match": rows.exact_match[some],
            "f1": rows.f1[some],
            "false_no_answer": wrongly[some].astype(np.float64),
        }
        parts.append(Part(some, values))
    if none.any():
        parts.append(Part(none, {"no_answer_accuracy": declined[none].astype(np.float64)}))
    return parts


def _says(prediction: str, phrase: str) -> bool:
    if wanted := normalised(phrase):
        return normalised(prediction) == wanted
    return prediction.strip() == phrase.strip()
