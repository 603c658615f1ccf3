"""Solved examples: which training rows stand before a prompt, with their answers.

A row never stands before itself: what counts as the same, as when data is audited, is left out.
Choosing by likeness: Liu et al. 2022, "What Makes Good In-Context Examples for GPT-3?",
arXiv:2101.06804; here by the cosine of TF-IDF vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, assert_never

import numpy as np

from loratory.data.rows import Dataset
from loratory.data.traits import same_as, stratum
from loratory.errors import ConfigError
from loratory.recipe.schema import PromptingMethod, Recipe
from loratory.recipe.streams import stream_seed

_SETTING = "method.examples.k"
_AT_ONCE = 256  # rows whose likeness to all training rows is in memory at once


class Examples(Protocol):
    """Chooses the examples of rows."""

    @property
    def fixed(self) -> tuple[Any, ...]:
        """The examples that stand before every row but themselves."""

    def of(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return each row's examples, in the order in which they are shown."""


@dataclass(frozen=True)
class SameForAll:
    """The same examples before every row."""

    fixed: tuple[Any, ...] = ()

    def of(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return each row's examples, in the order in which they are shown."""
        keys = [same_as(row) for row in self.fixed]
        return [
            tuple(one for one, key in zip(self.fixed, keys, strict=True) if key != same_as(row))
            for row in rows
        ]


@dataclass(frozen=True)
class MostAlike:
    """The `k` of `rows` that are most like each row, the most alike last: next to the question."""

    rows: tuple[Any, ...]
    k: int
    fixed = ()

    @cached_property
    def _index(self) -> tuple[Any, Any, dict[str, list[int]]]:
        """Return the vectorizer, the rows' vectors, and where each text stands among the rows."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        keys = [same_as(row) for row in self.rows]
        vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\S+")
        where: dict[str, list[int]] = {}
        for number, key in enumerate(keys):
            where.setdefault(key, []).append(number)
        return vectorizer, vectorizer.fit_transform(keys), where

    def of(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return each row's examples, in the order in which they are shown."""
        vectorizer, vectors, where = self._index
        found = []
        for start in range(0, len(rows), _AT_ONCE):
            keys = [same_as(row) for row in rows[start : start + _AT_ONCE]]
            alike = (vectorizer.transform(keys) @ vectors.T).toarray()
            for key, likeness in zip(keys, alike, strict=True):
                likeness[where.get(key, [])] = -1
                # Of equals the earlier row is the nearer one.
                nearest = np.argsort(-likeness, kind="stable")[: self.k]
                kept = [number for number in nearest if likeness[number] >= 0]
                found.append(tuple(self.rows[number] for number in reversed(kept)))
        return found


def examples_of(method: PromptingMethod, rows: Sequence[Any]) -> Examples:
    """Return how the method chooses among the rows that it may show."""
    if method.examples.kind == "similar":
        return MostAlike(tuple(rows), method.examples.k)
    return SameForAll(tuple(rows))


def example_rows(recipe: Recipe, dataset: Dataset) -> tuple[Any, ...]:
    """Return the training rows that the recipe's method may show; none where it shows none.

    Raises:
        ConfigError: there are fewer rows, or fewer of a class, than are to be shown (CFG-RANGE).
    """
    if not isinstance(recipe.method, PromptingMethod) or not recipe.method.examples.k:
        return ()
    train, chosen = dataset.rows("train"), recipe.method.examples
    if chosen.k > len(train):
        raise no_examples(_SETTING, chosen.k, f"at most {len(train):,}, the training rows")
    generator = np.random.Generator(np.random.PCG64(stream_seed(recipe.seed, "examples")))
    shuffled = [train[number] for number in generator.permutation(len(train))]
    match chosen.kind:
        case "seed":
            return tuple(shuffled[: chosen.k])
        case "balanced":
            return _balanced(shuffled, chosen.k, dataset.labels)
        case "similar":
            return train
        case _:
            assert_never(chosen.kind)


def _balanced(rows: Sequence[Any], k: int, labels: Sequence[str]) -> tuple[Any, ...]:
    """Return `k` of the rows, class by class in turn."""
    if k < len(labels):
        raise no_examples(_SETTING, k, f"at least {len(labels)}, one of each class")
    by_class = [[row for row in rows if stratum(row) == number] for number in range(len(labels))]
    each = -(-k // len(labels))
    least = min(range(len(labels)), key=lambda number: len(by_class[number]))
    if len(by_class[least]) < each:
        most = len(by_class[least]) * len(labels)
        raise no_examples(
            _SETTING, k, f"at most {most}: class {labels[least]} has {len(by_class[least])} rows"
        )
    turns = [part[turn] for turn in range(each) for part in by_class]
    return tuple(turns[:k])


def no_examples(at: str, k: int, expected: str) -> ConfigError:
    """Return the error for a setting that asks for `k` examples, which there are not."""
    return ConfigError(
        "CFG-RANGE",
        "there are no such examples",
        at=at,
        got=k,
        expected=expected,
        fix=f"set {at} accordingly, or use other training rows",
    )
