"""Which rows a run uses: splits held out of the training rows, then limits.

Both are pure functions of the rows' ids, texts and labels: they do not know the run's seed, so that
runs which differ in their seed are trained and scored on the same rows. Rows are put in the order
of the sha256 of what they are drawn for and their id (`limit train/17`, `validation train/17`) and
taken from its start, from each class in proportion to its size; what is taken and what is left
keeps the order of the source.

Rows that belong together are held out together: the same texts; the questions of one article where
there are several articles, else those of one context.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from loratory.data.rows import AnyRow, Source, missing_split
from loratory.data.traits import belongs_to, moved, stratum
from loratory.errors import DataError
from loratory.recipe.schema import Holdout, Limits

Splits = dict[str, tuple[Any, ...]]
"""The rows of each split, all of one kind."""

_HELD_OUT = ("validation", "test")


def with_holdout(splits: Splits, holdout: Holdout) -> Splits:
    """Return the splits, with those that the data lacks taken out of the training rows.

    A number asks for so many rows, a share for so many of all training rows. Rows that belong
    together stay on one side, and every class keeps a training row; where that leaves no other way,
    fewer rows are taken. A held-out row keeps its number: train/17 becomes validation/17.

    Raises:
        DataError: there are no training rows, or too few different ones (DATA-SPLIT).
    """
    result = dict(splits)
    for split in _HELD_OUT:
        asked = getattr(holdout, split)
        if asked is None or split in splits:
            continue
        if "train" not in splits:
            raise missing_split("train", splits, at=f"data.holdout.{split}")
        wanted = asked if isinstance(asked, int) else max(1, round(asked * len(splits["train"])))
        held = drawn(grouped(result["train"], split), wanted, at=f"data.holdout.{split}")
        result["train"], result[split] = parted(result["train"], held, split)
    return result


def held_out_of(train: Source, rows: int) -> Source:
    """Return the source of rows that were taken out of the training rows."""
    return Source(f"held out of {train.description}", train.digest, rows, skipped=0)


def limited(splits: Splits, limits: Limits) -> Splits:
    """Return the splits with at most as many rows as the limits allow.

    Raises:
        DataError: a limit is set for a split that does not exist (DATA-SPLIT).
    """
    result = dict(splits)
    for split, most in limits:
        if most is None:
            continue
        if split not in splits:
            raise missing_split(split, splits, at=f"data.limit.{split}")
        if most < len(splits[split]):
            result[split] = _sample(splits[split], most)
    return result


def _sample(rows: Sequence[AnyRow], wanted: int) -> tuple[AnyRow, ...]:
    left = _shares(Counter(map(stratum, rows)), wanted)
    taken = set()
    for row in sorted(rows, key=lambda row: _rank(row, "limit")):
        if left[stratum(row)] > 0:
            left[stratum(row)] -= 1
            taken.add(row.id)
    return tuple(row for row in rows if row.id in taken)


def parted(rows: Sequence[AnyRow], held: set[str], split: str) -> tuple[tuple[AnyRow, ...], ...]:
    """Return the rows that stay, and those held out as rows of `split`."""
    stay = tuple(row for row in rows if row.id not in held)
    return stay, tuple(moved(row, split=split) for row in rows if row.id in held)


def drawn(groups: Sequence[Sequence[AnyRow]], wanted: int, *, at: str) -> set[str]:
    """Return the ids of `wanted` rows, or fewer, in whole groups."""
    rows = [row for group in groups for row in group]
    # One row of each class is not to be had.
    sizes = {label: size - 1 for label, size in Counter(map(stratum, rows)).items()}
    held: set[str] = set()
    if wanted <= sum(sizes.values()):
        left = _shares(sizes, wanted)
        for group in groups:
            needs = Counter(map(stratum, group))
            if all(left[label] >= size for label, size in needs.items()):
                left = {label: size - needs[label] for label, size in left.items()}
                held |= {row.id for row in group}
    if not held:
        together = min(map(len, groups))
        fix = "hold out fewer rows, or add training rows"
        if wanted < together < len(rows):
            fix = f"hold out {together} rows or more: so many belong together, and stay so"
        raise DataError(
            "DATA-SPLIT",
            f"there are too few different training texts to hold {wanted} out",
            at=at,
            got=f"a set of {len(rows)} rows",
            expected=f"more rows than {wanted} and one of each class",
            fix=fix,
        )
    return held


def grouped(rows: Sequence[AnyRow], purpose: str, *, narrow: bool = False) -> list[list[AnyRow]]:
    """Return the rows that belong together, in the order in which they are to be taken.

    Together are those that share the widest thing that tells rows apart at all, or the narrowest.
    """
    keys = [belongs_to(row) for row in rows]
    apart = (n for n, values in enumerate(zip(*keys, strict=True)) if len({*values}) > 1)
    level = -1 if narrow else next(apart, -1)
    groups: defaultdict[str, list[AnyRow]] = defaultdict(list)
    for row, key in zip(rows, keys, strict=True):
        groups[key[level]].append(row)
    return sorted(groups.values(), key=lambda group: _rank(group[0], purpose))


def _rank(row: AnyRow, purpose: str) -> bytes:
    return sha256(f"{purpose} {row.id}".encode()).digest()


def _shares(sizes: Mapping[int, int], wanted: int) -> dict[int, int]:
    """Return `wanted` divided in proportion to `sizes` (largest remainders), none of them 0.

    Where there are more classes than rows wanted, the smallest get nothing.
    """
    total = sum(sizes.values())
    shares = {label: wanted * size // total for label, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda label: (-(wanted * sizes[label] % total), label))
    for label in by_remainder[: wanted - sum(shares.values())]:
        shares[label] += 1
    for label in sorted(sizes, key=lambda label: (-sizes[label], label))[:wanted]:
        if sizes[label] and not shares[label]:
            shares[max(shares, key=lambda other: (shares[other], -other))] -= 1
            shares[label] = 1
    return shares
