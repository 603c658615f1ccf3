"""What the rows look like: sizes, classes, lengths, and rows that stand in more than one place.

Two texts count as the same when they share letters, whatever their case and spacing
(`loratory.data.texts.normalised`); two questions when that holds of question and context.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from loratory.data.rows import AnyRow, Dataset, QuestionRow
from loratory.data.traits import context_of, main_text, said_of, same_as


@dataclass(frozen=True)
class Lengths:
    """How long the texts of a split are."""

    min: int
    median: int
    p95: int
    max: int


@dataclass(frozen=True)
class QuestionAudit:
    """What the questions of a split are in numbers, beside what every row has."""

    articles: int
    contexts: int
    known_contexts: int
    """Contexts that training questions are about too; of the training split 0."""

    answerable: int
    unanswerable: int
    question: Lengths
    answer: Lengths | None
    """None where no question has an answer."""


@dataclass(frozen=True)
class SplitAudit:
    """One split in numbers."""

    rows: int
    classes: dict[str, int]
    """Rows of each class, the classes without rows included; empty where rows have no class."""

    characters: Lengths
    """Of each row's text, or of the context that it asks about."""

    duplicates: int
    """Rows whose text, or question and context, stood in the split before."""

    skipped: int
    """Malformed rows of the source that were left out."""

    questions: QuestionAudit | None = None
    """Where the rows are questions."""


@dataclass(frozen=True)
class Repeat:
    """A row that stands elsewhere too."""

    row: AnyRow
    earlier: AnyRow
    """The first row that is the same: with another label, or in the training rows."""


@dataclass(frozen=True)
class Audit:
    """The data set in numbers, and the rows that a person should look at."""

    splits: dict[str, SplitAudit]
    shared: dict[tuple[str, str], int]
    """Texts, or questions on a context, that two splits share, for every pair of splits."""

    conflicts: tuple[Repeat, ...]
    """Rows that stood before, in whatever split, with another label, or with an answer here alone
    or there alone."""

    leaks: dict[str, tuple[Repeat, ...]]
    """Rows of each scored split that are also training rows, where there are any."""

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, without the rows."""
        return {
            "splits": {split: asdict(found) for split, found in self.splits.items()},
            "shared": {f"{a}, {b}": count for (a, b), count in self.shared.items()},
            "conflicts": len(self.conflicts),
            "leaks": {split: len(repeats) for split, repeats in self.leaks.items()},
        }


def audit(dataset: Dataset) -> Audit:
    """Return what `loratory data check` shows; token lengths are the tokenizer's to add."""
    keys = {split: [same_as(row) for row in rows] for split, rows in dataset.splits.items()}
    distinct = {split: set(found) for split, found in keys.items()}
    training = dataset.splits.get("train", ())
    return Audit(
        splits={
            split: SplitAudit(
                rows=len(rows),
                classes=_class_counts(rows, dataset.labels),
                characters=length_summary([len(main_text(row)) for row in rows]),
                duplicates=len(rows) - len(distinct[split]),
                skipped=dataset.sources[split].skipped,
                questions=_questions(rows, () if split == "train" else training),
            )
            for split, rows in dataset.splits.items()
        },
        shared={(a, b): len(distinct[a] & distinct[b]) for a, b in combinations(distinct, 2)},
        conflicts=_conflicts(dataset, keys),
        leaks=_leaks(dataset.splits, keys),
    )


def length_summary(lengths: Collection[int]) -> Lengths:
    """Return the least, the median, the 95th percentile and the greatest of some lengths.

    Percentiles are nearest-rank: each is the least length that so many per cent do not exceed.
    """
    ordered = sorted(lengths)

    def percentile(share: int) -> int:
        return ordered[-(-share * len(ordered) // 100) - 1]

    return Lengths(min=ordered[0], median=percentile(50), p95=percentile(95), max=ordered[-1])


def _class_counts(rows: Sequence[AnyRow], labels: tuple[str, ...]) -> dict[str, int]:
    counts = Counter(said_of(row, labels) for row in rows)
    return {name: counts[name] for name in labels}


def _questions(rows: Sequence[AnyRow], training: Sequence[AnyRow]) -> QuestionAudit | None:
    asked = [row for row in rows if isinstance(row, QuestionRow)]
    if not asked:
        return None
    contexts = {context_of(row) for row in asked}
    known = {context_of(row) for row in training if isinstance(row, QuestionRow)}
    answers = [len(answer.text) for row in asked for answer in row.answers]
    answerable = sum(bool(row.answers) for row in asked)
    return QuestionAudit(
        articles=len({row.article for row in asked}),
        contexts=len(contexts),
        known_contexts=len(contexts & known),
        answerable=answerable,
        unanswerable=len(asked) - answerable,
        question=length_summary([len(row.question) for row in asked]),
        answer=length_summary(answers) if answers else None,
    )


def _conflicts(dataset: Dataset, keys: Mapping[str, Sequence[str]]) -> tuple[Repeat, ...]:
    before: defaultdict[str, dict[str, AnyRow]] = defaultdict(dict)
    conflicts = []
    for split, rows in dataset.splits.items():
        for row, key in zip(rows, keys[split], strict=True):
            said = said_of(row, dataset.labels)
            others = [other for label, other in before[key].items() if label != said]
            if others:
                conflicts.append(Repeat(row, earlier=others[0]))
            before[key].setdefault(said, row)
    return tuple(conflicts)


def _leaks(
    splits: Mapping[str, Sequence[AnyRow]], keys: Mapping[str, Sequence[str]]
) -> dict[str, tuple[Repeat, ...]]:
    if "train" not in splits:
        return {}
    training: dict[str, AnyRow] = {}
    for row, key in zip(splits["train"], keys["train"], strict=True):
        training.setdefault(key, row)
    return {
        split: tuple(
            Repeat(row, earlier=training[key])
            for row, key in zip(rows, keys[split], strict=True)
            if key in training
        )
        for split, rows in splits.items()
        if split != "train"
    }
