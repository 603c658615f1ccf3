"""What the rows look like: sizes, classes, lengths, and texts that stand in more than one place.

Two texts count as the same when they share letters, whatever their case and spacing
(`loratory.data.texts.normalised`).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from loratory.data.rows import Dataset, Row
from loratory.data.texts import normalised


@dataclass(frozen=True)
class Lengths:
    """How long the texts of a split are."""

    min: int
    median: int
    p95: int
    max: int


@dataclass(frozen=True)
class SplitAudit:
    """One split in numbers."""

    rows: int
    classes: dict[str, int]
    """Rows of each class, the classes without rows included."""

    characters: Lengths
    duplicates: int
    """Rows whose text stood in the split before."""

    skipped: int
    """Malformed rows of the source that were left out."""


@dataclass(frozen=True)
class Repeat:
    """A row that stands elsewhere too."""

    row: Row
    earlier: Row
    """The first row with the same text: of another label, or in the training rows."""


@dataclass(frozen=True)
class Audit:
    """The data set in numbers, and the rows that a person should look at."""

    splits: dict[str, SplitAudit]
    shared: dict[tuple[str, str], int]
    """Texts that two splits share, for every pair of splits."""

    conflicts: tuple[Repeat, ...]
    """Rows whose text stood before, in whatever split, with another label."""

    leaks: dict[str, tuple[Repeat, ...]]
    """Rows of each scored split whose text is also in the training rows, where there are any."""


def audit(dataset: Dataset) -> Audit:
    """Return what `loratory data check` shows; token lengths are the tokenizer's to add."""
    texts = {
        split: [normalised(row.text) for row in rows] for split, rows in dataset.splits.items()
    }
    distinct = {split: set(keys) for split, keys in texts.items()}
    return Audit(
        splits={
            split: SplitAudit(
                rows=len(rows),
                classes=_class_counts(rows, dataset.labels),
                characters=length_summary([len(row.text) for row in rows]),
                duplicates=len(rows) - len(distinct[split]),
                skipped=dataset.sources[split].skipped,
            )
            for split, rows in dataset.splits.items()
        },
        shared={(a, b): len(distinct[a] & distinct[b]) for a, b in combinations(distinct, 2)},
        conflicts=_conflicts(dataset.splits, texts),
        leaks=_leaks(dataset.splits, texts),
    )


def length_summary(lengths: Collection[int]) -> Lengths:
    """Return the least, the median, the 95th percentile and the greatest of some lengths.

    Percentiles are nearest-rank: each is the least length that so many per cent do not exceed.
    """
    ordered = sorted(lengths)

    def percentile(share: int) -> int:
        return ordered[-(-share * len(ordered) // 100) - 1]

    return Lengths(min=ordered[0], median=percentile(50), p95=percentile(95), max=ordered[-1])


def _class_counts(rows: Sequence[Row], labels: Sequence[str]) -> dict[str, int]:
    counts = Counter(row.label for row in rows)
    return {name: counts[label] for label, name in enumerate(labels)}


def _conflicts(
    splits: Mapping[str, Sequence[Row]], texts: Mapping[str, Sequence[str]]
) -> tuple[Repeat, ...]:
    labels: defaultdict[str, dict[int, Row]] = defaultdict(dict)
    conflicts = []
    for split, rows in splits.items():
        for row, text in zip(rows, texts[split], strict=True):
            others = [other for label, other in labels[text].items() if label != row.label]
            if others:
                conflicts.append(Repeat(row, earlier=others[0]))
            labels[text].setdefault(row.label, row)
    return tuple(conflicts)


def _leaks(
    splits: Mapping[str, Sequence[Row]], texts: Mapping[str, Sequence[str]]
) -> dict[str, tuple[Repeat, ...]]:
    if "train" not in splits:
        return {}
    training: dict[str, Row] = {}
    for row, text in zip(splits["train"], texts["train"], strict=True):
        training.setdefault(text, row)
    return {
        split: tuple(
            Repeat(row, earlier=training[text])
            for row, text in zip(rows, texts[split], strict=True)
            if text in training
        )
        for split, rows in splits.items()
        if split != "train"
    }
