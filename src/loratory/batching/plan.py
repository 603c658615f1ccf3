"""Which rows are computed together. Everything here is a pure function of its arguments."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from loratory.recipe.streams import stream_seed


@lru_cache(maxsize=2)
def epoch_order(rows: int, *, seed: int, epoch: int) -> tuple[int, ...]:
    """Return the row numbers in the order in which `epoch` reads them."""
    generator = np.random.Generator(np.random.PCG64(stream_seed(seed, "order", epoch)))
    return tuple(int(row) for row in generator.permutation(rows))


def step_rows(step: int, rows: int, *, batch_size: int, seed: int) -> tuple[int, ...]:
    """Return the row numbers of optimiser step `step`, counted from 0 over all epochs."""
    epoch, within = divmod(step, steps_per_epoch(rows, batch_size))
    order = epoch_order(rows, seed=seed, epoch=epoch)
    return order[within * batch_size : (within + 1) * batch_size]


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Return the number of optimiser steps of an epoch; the last one may hold fewer rows."""
    return -(-rows // batch_size)


def split_by_tokens(lengths: Sequence[int], most: int) -> Iterator[slice]:
    """Cut rows of these `lengths` into runs of at most `most` tokens; a longer row stands alone.

    The runs are about equally long: a short remainder would cost almost as much as a full one.
    """
    total = sum(lengths)
    runs = max(1, math.ceil(total / most))
    # Half a longest row above the mean, so that rounding to whole rows makes no further run.
    fair = min(most, math.ceil(total / runs) + max(lengths, default=0) // 2)
    start, tokens = 0, 0
    for index, length in enumerate(lengths):
        if tokens and tokens + length > fair:
            yield slice(start, index)
            start, tokens = index, 0
        tokens += length
    if start < len(lengths):
        yield slice(start, len(lengths))
