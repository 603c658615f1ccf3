"""Corpus BLEU-1 as sacreBLEU computes it: how many of the words written are words of a reference.

    BLEU-1 = 100 · matches / words written · min(1, exp(1 - reference words / words written))

All of them are sums over the rows. A word matches as often as the one reference that has it most
often; a row's reference words are those of the reference that is closest in length, of two the
shorter. Words are those of tokeniser 13a, in their case. Where nothing was written the score is 0.

It is a number of the corpus, so the mean over rows of their own scores is something else.
Papineni et al. 2002, doi:10.3115/1073083.1073135; Post 2018, arXiv:1804.08771.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sacrebleu.metrics.bleu import BLEU

from loratory.errors import DataError
from loratory.metrics.classification import Counts, Floats


@dataclass(frozen=True)
class Bleu:
    """The BLEU-1 of a corpus, and what it comes from."""

    score: float
    """From 0 to 100."""

    statistics: Counts
    """Matches, words written and reference words of each row, `[rows, 3]`."""

    signature: str
    """How it was computed: ours for the order, sacreBLEU's own for the rest."""


def corpus_bleu_1(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Bleu:
    """Return the BLEU-1 of predictions, each with one reference or several.

    Raises:
        DataError: there are no predictions (DATA-EMPTY), or one has no reference (EVAL-MISSING).
    """
    if not predictions:
        raise DataError(
            "DATA-EMPTY", "there are no texts to score", fix="score rows that have references"
        )
    for number, row in enumerate(references):
        if not row:
            raise DataError(
                "EVAL-MISSING",
                "a text has no reference to compare with",
                at=f"row {number}",
                fix="leave out rows without references, or score them apart",
            )
    # `force` only keeps it from warning about texts that look tokenised.
    scorer = BLEU(max_ngram_order=1, force=True)
    statistics = [_statistics(scorer, *row) for row in zip(predictions, references, strict=True)]
    most = max(map(len, references))
    # What is absent is None, which sacreBLEU knows but its types do not.
    columns: list[list[Any]] = [
        [row[n] if n < len(row) else None for row in references] for n in range(most)
    ]
    score = scorer.corpus_score(predictions, columns).score
    # sacreBLEU's signature leaves out the order and what it has no other choice of.
    signature = f"order:1|level:corpus|reflen:closest|{scorer.get_signature()}"
    return Bleu(float(score), np.array(statistics, dtype=np.int64), signature)


def bleu_1(sums: ArrayLike) -> Floats:
    """Return the BLEU-1 of summed statistics: `[..., 3]` to `[...]`."""
    matches, written, reference = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    divisor = np.maximum(written, 1)  # where nothing was written, nothing matches
    scores: Floats = 100 * matches / divisor * np.exp(np.minimum(0, 1 - reference / divisor))
    return scores


def _statistics(scorer: BLEU, prediction: str, references: Sequence[str]) -> tuple[int, int, int]:
    score = scorer.corpus_score([prediction], [[reference] for reference in references])
    return score.counts[0], score.sys_len, score.ref_len
