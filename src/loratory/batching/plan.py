"""Which rows are computed together. Everything here is a pure function of its arguments."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from loratory.batching.rows import EncodedRow
from loratory.batching.tree import common_length
from loratory.recipe.streams import stream_seed

# How many times as long as others a run of rows may be that share most of their tokens.
_ALIKE = 4


@lru_cache(maxsize=2)
def epoch_order(groups: tuple[int, ...], *, most: int, seed: int, epoch: int) -> tuple[int, ...]:
    """Return the row numbers in the order in which `epoch` reads them.

    `groups` says of each row to which group it belongs. Those of a group stay together, but for
    groups of more than `most` rows, which are shuffled and cut.
    """
    generator = np.random.Generator(np.random.PCG64(stream_seed(seed, "order", epoch)))
    members: dict[int, list[int]] = {}
    for row in generator.permutation(len(groups)):
        members.setdefault(groups[row], []).append(int(row))
    runs = [rows[at : at + most] for rows in members.values() for at in range(0, len(rows), most)]
    if any(len(rows) > most for rows in members.values()):
        runs = [runs[number] for number in generator.permutation(len(runs))]
    return tuple(row for run in runs for row in run)


def groups_of(rows: Sequence[EncodedRow], *, together: bool) -> tuple[int, ...]:
    """Return the group of each row: that of its shared beginning, or one for each row alone."""
    if not together:
        return tuple(range(len(rows)))
    beginnings: dict[object, int] = {}
    keys = [row.segments[0] if len(row.segments) > 1 else number for number, row in enumerate(rows)]
    return tuple(beginnings.setdefault(key, len(beginnings)) for key in keys)


def step_rows(step: int, groups: tuple[int, ...], *, batch_size: int, seed: int) -> tuple[int, ...]:
    """Return the row numbers of optimiser step `step`, counted from 0 over all epochs."""
    epoch, within = divmod(step, steps_per_epoch(len(groups), batch_size))
    order = epoch_order(groups, most=batch_size, seed=seed, epoch=epoch)
    return order[within * batch_size : (within + 1) * batch_size]


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Return the number of optimiser steps of an epoch; the last one may hold fewer rows."""
    return -(-rows // batch_size)


def micro_batches(
    rows: Sequence[EncodedRow], most: int, *, shared: bool, multiple: int = 1
) -> list[list[int]]:
    """Cut rows into parts of at most `most` tokens to compute; return each part's row numbers.

    Where beginnings are `shared`, rows that begin alike stand side by side. `multiple`: as
    `split_by_tokens`.
    """
    lengths = list(map(len, rows))
    if not shared:
        cuts = split_by_tokens(lengths, most, multiple=multiple)
        return [list(range(len(rows)))[part] for part in cuts]
    texts = [row.tokens for row in rows]
    order = sorted(range(len(rows)), key=texts.__getitem__)
    sorted_texts = [texts[number] for number in order]
    common = [
        common_length(one, other)
        for one, other in zip([(), *sorted_texts], sorted_texts, strict=False)
    ]
    sorted_lengths = [lengths[number] for number in order]
    cuts = split_by_tokens(sorted_lengths, most, common, multiple=multiple)
    return [order[part] for part in cuts]


def split_by_tokens(
    lengths: Sequence[int], most: int, common: Sequence[int] = (), *, multiple: int = 1
) -> Iterator[slice]:
    """Cut rows of these `lengths` into runs of at most `most` tokens; a longer row stands alone.

    `common` are the tokens that each row has in common with the one before it, which count once in
    a run. A cut between rows that have most of their tokens in common would compute these again, so
    a run may become several times as long before one is made. The runs are about equally long: a
    short remainder would cost almost as much as a full one. Where so many processors each compute
    runs of their own, that there are a `multiple` of runs lets none wait for the last one.
    """
    further = [
        length - same for length, same in zip(lengths, common or [0] * len(lengths), strict=True)
    ]
    total = sum(further)
    runs = max(1, multiple * math.ceil(total / (most * multiple)))
    start, tokens = 0, 0
    for index, length in enumerate(lengths):
        # The mean of what is left, to the nearest row, so that rounding makes no further run.
        fair = min(most, (total / runs) + further[index] / 2)
        alike = 2 * further[index] < length
        if index > start and tokens + further[index] > (_ALIKE * most if alike else fair):
            yield slice(start, index)
            total, runs = total - sum(further[start:index]), max(1, runs - 1)
            start, tokens = index, 0
        tokens += further[index] if index > start else length
    if start < len(lengths):
        yield slice(start, len(lengths))
