"""What lengths and repetitions say against pairs: swapped columns, labels instead of answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from loratory.data.pairs import lengths
from loratory.data.rows import PairRow, plain

_LEAST = 20  # pairs of which a share says something
_ONE_SIDED = 0.9
_APART = 0.5  # in shares of pairs whose chosen answer is the longer one
_REPEATED = 0.1


def pair_warnings(splits: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return what a person should check of the columns; nothing of rows that are no pairs."""
    found: list[str] = []
    shares: dict[str, float] = {}
    for split, every in splits.items():
        rows = [row for row in every if isinstance(row, PairRow)]
        if len(rows) < _LEAST:
            continue
        found += _repeated(split, rows)
        shares[split] = _longer(rows)
        found += _one_sided(split, shares[split])
    train = shares.pop("train", None)
    for split, share in shares.items():
        if train is not None and abs(share - train) > _APART:
            found.append(
                f"the chosen answer is the longer one in {share:.0%} of the {split} pairs and in "
                f"{train:.0%} of the training pairs: are chosen and rejected swapped in one file?"
            )
    return found


def _longer(rows: Sequence[PairRow]) -> float:
    differ = [(chosen, rejected) for chosen, rejected in lengths(rows) if chosen != rejected]
    return sum(chosen > rejected for chosen, rejected in differ) / max(len(differ), 1)


def _one_sided(split: str, share: float) -> list[str]:
    if share >= _ONE_SIDED:
        return [
            f"the chosen answer is the longer one in {share:.0%} of the {split} pairs, so that "
            "length alone tells which it is"
        ]
    if share <= 1 - _ONE_SIDED:
        return [
            f"the rejected answer is the longer one in {1 - share:.0%} of the {split} pairs: are "
            "data.chosen and data.rejected swapped?"
        ]
    return []


def _repeated(split: str, rows: Sequence[PairRow]) -> list[str]:
    """Tell of answers so few that they look like labels, beside prompts that differ."""
    prompts = len({plain(row.prompt) for row in rows})
    found = []
    for column in ("chosen", "rejected"):
        same = sum(plain(getattr(row, column)).strip() == plain(row.prompt).strip() for row in rows)
        if same > _REPEATED * len(rows):
            found.append(
                f"{same} of {len(rows)} {split} pairs have their prompt as {column} answer"
            )
        different = len({plain(getattr(row, column)) for row in rows})
        if different <= _REPEATED * len(rows) and different < prompts:
            found.append(
                f"the {len(rows)} {split} pairs have {different} different {column} answers: is "
                f"data.{column} a column of labels, or of prompts?"
            )
    return found
