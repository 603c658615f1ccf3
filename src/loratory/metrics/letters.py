"""Compact letters: runs that cannot be told apart share one, those that differ share none.

Insert and absorb: at first all are in one group. Each pair that differs splits every group that
holds both into one without the first and one without the second; a group that lies within another
is dropped. What is left are the groups, and each has its letter. Piepho 2004,
doi:10.1198/1061860043515.
"""

from collections.abc import Iterable
from string import ascii_lowercase


def shared_letters(count: int, differing: Iterable[tuple[int, int]]) -> list[tuple[str, ...]]:
    """Return the letters of runs 0 to `count` - 1, of which the pairs in `differing` differ.

    "a" is a letter of the first run, so the runs are best given from the best on. After z comes a2.
    """
    groups = {frozenset(range(count))}
    for first, second in differing:
        for group in [group for group in groups if first in group and second in group]:
            groups.remove(group)
            groups |= {group - {first}, group - {second}}
        groups = _largest(groups)
    ordered = sorted(groups, key=sorted)
    return [
        tuple(_letter(number) for number, group in enumerate(ordered) if run in group)
        for run in range(count)
    ]


def _largest(groups: Iterable[frozenset[int]]) -> set[frozenset[int]]:
    """Return the groups that lie within no other."""
    kept: set[frozenset[int]] = set()
    for group in sorted(groups, key=len, reverse=True):
        if not any(group <= other for other in kept):
            kept.add(group)
    return kept


def _letter(number: int) -> str:
    turn, place = divmod(number, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(turn + 1) if turn else "")
