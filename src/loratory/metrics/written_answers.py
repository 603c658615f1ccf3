"""The complete account of answers that were written word by word, from their prediction lines.

Answerable and unanswerable questions are scored apart: the first by what was written, the second by
whether the recipe's phrase for "no answer" was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loratory.metrics.bleu import Bleu, bleu_1, corpus_bleu_1
from loratory.metrics.paired import intervals_of_run
from loratory.metrics.parts import Part, RowSums, clusters_of, part_sums
from loratory.metrics.predictions import Prediction
from loratory.metrics.questions import right_answers
from loratory.metrics.squad import Version, normalised, score_rows


@dataclass(frozen=True)
class WrittenScores:
    """How good written answers are, and how sure one can be of it."""

    metrics: dict[str, float]
    """Of answerable questions bleu_1 (0 to 100), exact_match, f1 and false_no_answer, the share
    that was wrongly answered with the phrase; of unanswerable ones no_answer_accuracy, the share
    that was answered with it. Where there are no such questions their metrics are left out."""

    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap interval of each metric; questions on one paragraph are drawn together."""

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
    bleu = _bleu(predictions)
    sums = _bleu_sums(predictions, bleu) | _part_sums(predictions, phrase)
    answerable = sum(bool(line.target) for line in predictions)
    return WrittenScores(
        metrics={name: found.value for name, found in sums.items()},
        intervals=intervals_of_run(sums, clusters_of(predictions)),
        signature=bleu.signature if bleu else None,
        counts={
            "questions": len(predictions),
            "answerable": answerable,
            "unanswerable": len(predictions) - answerable,
            "empty": sum(not line.prediction.strip() for line in predictions),
        },
    )


def written_sums(predictions: Sequence[Prediction], *, phrase: str) -> dict[str, RowSums]:
    """Return BLEU and the other metrics of answerable questions, and those of the others.

    Those of which there is no question are left out.

    Raises:
        DataError: as `evaluate_written_answers`.
    """
    return _bleu_sums(predictions, _bleu(predictions)) | _part_sums(predictions, phrase)


def _bleu(predictions: Sequence[Prediction]) -> Bleu | None:
    """Return the BLEU-1 of the answerable questions; None where there are none."""
    answerable = [line for line in predictions if line.target]
    if not answerable:
        return None
    golds = right_answers(answerable)
    return corpus_bleu_1([line.prediction for line in answerable], [*golds.values()])


def _bleu_sums(predictions: Sequence[Prediction], bleu: Bleu | None) -> dict[str, RowSums]:
    if bleu is None:
        return {}
    columns = np.zeros((len(predictions), bleu.statistics.shape[1]))
    columns[[bool(line.target) for line in predictions]] = bleu.statistics
    return {"bleu_1": RowSums(columns, bleu_1, (0.0, 100.0))}


def _part_sums(predictions: Sequence[Prediction], phrase: str) -> dict[str, RowSums]:
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
    return part_sums(parts)


def _says(prediction: str, phrase: str) -> bool:
    if wanted := normalised(phrase):
        return normalised(prediction) == wanted
    return prediction.strip() == phrase.strip()
