"""SQuAD's exact match and F1, by the rules of its two official scripts, which differ.

    normalised    lower case; ASCII punctuation deleted; whole words a, an, the left out; one space
                  between words
    exact match   1 where the normalised texts are equal, else 0
    F1            harmonic mean of the shared words' shares of the prediction and of the answer; a
                  word is shared as often as both have it

Each is the best over the right answers, by itself.

                                     v1.1                    v2.0
    a right answer normalises to ""  counts like any other   left out; "" alone where none is left
    both sides normalise to ""       exact match 1, F1 0     exact match 1, F1 1
    a question has no right answer   refused                 "" is the right one

The scripts count a missing prediction as 0 (v1.1) or leave it out (v2.0); here it is refused.
Rajpurkar et al. 2016, arXiv:1606.05250; Rajpurkar et al. 2018, arXiv:1806.03822.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loratory.errors import DataError
from loratory.metrics.classification import Floats

Version = Literal["1.1", "2.0"]
Flags = NDArray[np.bool_]

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@dataclass(frozen=True)
class SquadRows:
    """The scores of each question."""

    ids: tuple[str, ...]
    exact_match: Floats
    f1: Floats
    answerable: Flags
    """Whether the question has a right answer, whatever that normalises to."""


def normalised(text: str) -> str:
    """Return what is compared of an answer."""
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(prediction: str, golds: Sequence[str], *, version: Version) -> float:
    """Return 1 where the prediction is one of the right answers, else 0.

    Raises:
        DataError: there is no right answer, and v1.1 knows no such question (DATA-VERSION).
    """
    said = normalised(prediction)
    return float(any(said == right for right in _right(golds, version)))


def f1(prediction: str, golds: Sequence[str], *, version: Version) -> float:
    """Return the overlap of the prediction's words with those of the nearest right answer.

    Raises:
        DataError: there is no right answer, and v1.1 knows no such question (DATA-VERSION).
    """
    said = normalised(prediction).split()
    return max(_overlap(said, right.split(), version) for right in _right(golds, version))


def score_rows(
    golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str], *, version: Version
) -> SquadRows:
    """Return the scores of each question of `golds`, in its order; both are told apart by id.

    Raises:
        DataError: there are no questions (DATA-EMPTY), one has no prediction (EVAL-MISSING) or one
            that is not text (EVAL-TYPE), or no right answer by v1.1's rules (DATA-VERSION).
    """
    _check(golds, predictions)
    if version == "1.1":
        _check_answerable(golds)
    pairs = [(predictions[id_], golds[id_]) for id_ in golds]
    return SquadRows(
        ids=tuple(golds),
        exact_match=np.array([exact_match(*pair, version=version) for pair in pairs]),
        f1=np.array([f1(*pair, version=version) for pair in pairs]),
        answerable=np.array([bool(right) for _, right in pairs]),
    )


def _right(golds: Sequence[str], version: Version) -> list[str]:
    """Return the normalised right answers that the version compares with."""
    right = [normalised(gold) for gold in golds]
    if version == "2.0":
        return [gold for gold in right if gold] or [""]
    if not right:
        raise _unanswerable("the question has no answer")
    return right


def _overlap(said: Sequence[str], right: Sequence[str], version: Version) -> float:
    if not said and not right:
        return float(version == "2.0")
    shared = sum((Counter(said) & Counter(right)).values())
    if not shared:
        return 0.0
    # In the scripts' steps, so that sums of many questions have the same last bits as theirs.
    precision, recall = shared / len(said), shared / len(right)
    return 2 * precision * recall / (precision + recall)


def _check(golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str]) -> None:
    if not golds:
        raise DataError(
            "DATA-EMPTY", "there are no questions to score", fix="score a file that holds some"
        )
    if missing := [id_ for id_ in golds if id_ not in predictions]:
        raise DataError(
            "EVAL-MISSING",
            f"{len(missing):,} of {len(golds):,} questions have no prediction "
            f"(first: {missing[0]}); refusing to score",
            fix="predict every question, with an empty text where the answer is that there is none",
        )
    for id_ in golds:
        if not isinstance(said := predictions[id_], str):
            raise DataError(
                "EVAL-TYPE",
                "a prediction has the wrong type",
                at=id_,
                got="null" if said is None else said,
                expected="text",
                fix="give one text per question, an empty one for no answer",
            )


def _check_answerable(golds: Mapping[str, Sequence[str]]) -> None:
    if without := [id_ for id_, right in golds.items() if not right]:
        raise _unanswerable(
            f"{len(without):,} of {len(golds):,} questions have no answer (first: {without[0]})"
        )


def _unanswerable(problem: str) -> DataError:
    return DataError(
        "DATA-VERSION",
        f"{problem}, which SQuAD v1.1's rules cannot score",
        fix="score by v2.0's rules: set task.unanswerable to true",
    )
