"""Work on several parts at once, each on a processor core of its own.

A small network's products are too short to be shared well: half of the time one core waits for the
other. Parts that have nothing to do with each other need not wait.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Part], Result], parts: Sequence[Part], *, threads: int
) -> Iterator[Result]:
    """Yield what `work` makes of each part, in order, computing so many parts at once."""
    if threads == 1 or len(parts) == 1:
        yield from map(work, parts)
        return
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(work, parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)
