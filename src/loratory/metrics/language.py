"""How well a model predicts plain text, from the sums of each text.

    nats_per_token    Σ -log p(token | tokens before it) / tokens predicted
    perplexity        exp(nats_per_token): among how many equally likely tokens it is as unsure
    bits_per_byte     Σ -log2 p / UTF-8 bytes of the tokens predicted; comparable between
                      tokenizers, which the others are not

Sums over all texts are divided once, so every token counts the same, whatever the length of its
text. Of each metric, less is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from loratory.errors import DataError
from loratory.metrics.classification import Floats
from loratory.metrics.intervals import sum_intervals
from loratory.metrics.predictions import Prediction

_SUMS = ("nats", "tokens", "bytes")
_HIGHEST = 700.0  # nats per token; beyond, the perplexity is no number any more
_FIX = "evaluate the run again on texts with at least one token to predict"


@dataclass(frozen=True)
class LanguageScores:
    """How well texts are predicted, and how sure one can be of it."""

    metrics: dict[str, float]
    """perplexity, bits_per_byte and nats_per_token."""

    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap interval of each metric, over texts."""

    counts: dict[str, int]
    """Texts, tokens predicted, bytes; and texts without any, which take no part in the rest."""


def evaluate_language(predictions: Sequence[Prediction]) -> LanguageScores:
    """Return the metrics of texts whose lines hold the scores nats, tokens and bytes.

    Raises:
        DataError: no text has a token to predict (DATA-EMPTY), or one lacks a sum (EVAL-MISSING) or
            has a negative one (EVAL-TYPE).
    """
    sums = text_sums(predictions)
    scored = sums[(sums[:, 1:] > 0).all(axis=1)]
    if not len(scored):
        raise DataError("DATA-EMPTY", "there is no token whose prediction can be scored", fix=_FIX)
    metrics = language_metrics(scored.sum(axis=0))
    return LanguageScores(
        metrics={name: float(value) for name, value in metrics.items()},
        intervals=sum_intervals(scored, language_metrics),
        counts={
            "texts": len(scored),
            "tokens": int(scored[:, 1].sum()),
            "bytes": int(scored[:, 2].sum()),
            "empty": len(sums) - len(scored),
        },
    )


def text_sums(predictions: Sequence[Prediction]) -> Floats:
    """Return the nats, tokens and bytes of each text: `[texts, 3]`.

    Raises:
        DataError: a text lacks a sum (EVAL-MISSING) or has a negative one (EVAL-TYPE).
    """
    sums: Floats = np.array([_sums(line) for line in predictions]).reshape(-1, len(_SUMS))
    return sums


def language_metrics(sums: ArrayLike) -> dict[str, Floats]:
    """Return every metric of sums of nats, tokens and bytes: `[..., 3]` to `[...]`."""
    nats, tokens, bytes_ = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    per_token = nats / tokens
    return {
        "perplexity": np.exp(np.minimum(per_token, _HIGHEST)),
        "bits_per_byte": nats / np.log(2) / bytes_,
        "nats_per_token": per_token,
    }


def _sums(line: Prediction) -> list[float]:
    for name in _SUMS:
        if name not in line.scores:
            raise DataError("EVAL-MISSING", f"a text has no sum of {name}", at=line.id, fix=_FIX)
        if not 0 <= line.scores[name] < np.inf:
            raise DataError(
                "EVAL-TYPE",
                f"a text's sum of {name} is out of range",
                at=line.id,
                got=line.scores[name],
                expected="a finite number from 0 up",
                fix=_FIX,
            )
    return [line.scores[name] for name in _SUMS]
