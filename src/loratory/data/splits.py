"""Which rows a run uses: splits held out of the training rows, then limits.

Both are pure functions of the rows' ids, texts and labels: they do not know the run's seed, so that
runs which differ in their seed are trained and scored on the same rows. Rows are put in the order
of the sha256 of what they are drawn for and their id (`limit train/17`, `validation train/17`) and
taken from its start, from each class in proportion to its size; what is taken and what is left
keeps the order of the source.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from loratory.data.rows import Row, missing_split
from loratory.data.texts import normalised
from loratory.errors import DataError
from loratory.recipe.schema import Holdout, Limits

Splits = dict[str, tuple[Row, ...]]

_HELD_OUT = ("validation", "test")


def with_holdout(splits: Splits, holdout: Holdout) -> Splits:
    """Return the splits, with those that the data lacks taken out of the training rows.

    A number asks for so many rows, a share for so many of all training rows. Texts that are the
    same after normalisation stay on one side, and every class keeps a training row; where that
    leaves no other way, a few rows less are taken. A held-out row keeps its number: train/17
    becomes validation/17.

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
        held = _held_out(result["train"], wanted, split=split)
        result["train"] = tuple(row for row in result["train"] if row.id not in held)
        result[split] = tuple(
            replace(row, id=row.id.replace("train/", f"{split}/"))
            for row in splits["train"]
            if row.id in held
        )
    return result


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


def _sample(rows: Sequence[Row], wanted: int) -> tuple[Row, ...]:
    left = _shares(Counter(row.label for row in rows), wanted)
    taken = set()
    for row in sorted(rows, key=lambda row: _rank(row, "limit")):
        if left[row.label] > 0:
            left[row.label] -= 1
            taken.add(row.id)
    return tuple(row for row in rows if row.id in taken)


def _held_out(rows: Sequence[Row], wanted: int, *, split: str) -> set[str]:
    """Return the ids of `wanted` rows, or a few less, in whole groups of equal texts."""
    # One row of each class is not to be had.
    sizes = {label: size - 1 for label, size in Counter(row.label for row in rows).items()}
    held: set[str] = set()
    if wanted <= sum(sizes.values()):
        left = _shares(sizes, wanted)
        for group in _groups(rows, split):
            needs = Counter(row.label for row in group)
            if all(left[label] >= size for label, size in needs.items()):
                left = {label: size - needs[label] for label, size in left.items()}
                held |= {row.id for row in group}
    if not held:
        raise DataError(
            "DATA-SPLIT",
            f"there are too few different training texts to hold {wanted} out",
            at=f"data.holdout.{split}",
            got=f"a set of {len(rows)} rows",
            expected=f"more rows than {wanted} and one of each class",
            fix="hold out fewer rows, or add training rows",
        )
    return held


def _groups(rows: Iterable[Row], purpose: str) -> list[list[Row]]:
    """Return the rows grouped by normalised text, in the order in which they are to be taken."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[normalised(row.text)].append(row)
    return sorted(groups.values(), key=lambda group: _rank(group[0], purpose))


def _rank(row: Row, purpose: str) -> bytes:
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
