"""A batch that takes the most memory, tried before training: it fits now, or smaller ones do.

How many rows an optimiser step has stays as the recipe says: fewer tokens at once only mean that
more parts add up to the step's gradient. Memory can still run out later: where others take it
meanwhile, or where rows that share their beginnings make one part of several times the tokens.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.errors import ResourceError
from loratory.methods.trained import trained_parameters
from loratory.models.network import Network
from loratory.tasks.task import Objective

# What PyTorch says on a processor, where it has no error of its own for it.
_NO_MEMORY = ("can't allocate memory", "not enough memory")
_MOMENTS = 2  # that AdamW keeps of each number that trains, from its first step on


def fitting_tokens(
    network: Network, task: Objective, rows: Sequence[EncodedRow], *, batch_size: int, most: int
) -> int:
    """Return how many tokens can be computed at once: `most`, or a half, a quarter … of it.

    Tried is a batch as full as one of at most `batch_size` rows can be, forward and backward, with
    as much beside it as the optimiser will keep.

    Raises:
        ResourceError: not even the longest row alone fits (RES-MEM).
    """
    longest_first = sorted(rows, key=len, reverse=True)
    while not _fits(network, task, _fullest(longest_first, most, batch_size)):
        least = len(longest_first[0])
        if most <= least:
            raise ResourceError(
                "RES-MEM",
                "out of memory in the first batch, of the longest row alone",
                at="the start of training",
                got=f"{least:,} tokens",
                fix="shorten the texts with task.max_length, or take a smaller base",
            )
        most = max(most // 2, least)
    return most


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn memory that runs out into an error with advice.

    Raises:
        ResourceError: RES-MEM.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        raise ResourceError(
            "RES-MEM",
            f"out of memory ({str(error).partition('. ')[0] or type(error).__name__})",
            fix="end what else takes memory and go on with --resume, or start a new run with fewer "
            "training.micro_batch_tokens, a shorter task.max_length or a smaller base",
        ) from error


def _is_of_memory(error: Exception) -> bool:
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or any(words in str(error) for words in _NO_MEMORY)


def _fullest(
    longest_first: Sequence[EncodedRow], most: int, batch_size: int
) -> Sequence[EncodedRow]:
    """Return neighbours that have the most tokens within `most`; a row of more stands alone."""
    lengths = list(map(len, longest_first))
    if lengths[0] > most:
        return longest_first[:1]
    fullest, found = slice(0), 0
    end = tokens = 0
    for start, length in enumerate(lengths):
        while end < min(len(lengths), start + batch_size) and tokens + lengths[end] <= most:
            tokens += lengths[end]
            end += 1
        if tokens > found:
            fullest, found = slice(start, end), tokens
        tokens -= length
    return longest_first[fullest]


def _fits(network: Network, task: Objective, rows: Sequence[EncodedRow]) -> bool:
    """Compute a batch as training does from its second part on; nothing of it is kept."""
    network.train()
    parameters = trained_parameters(network).values()
    moments: list[torch.Tensor] = []
    try:
        for parameter in parameters:
            moments += [torch.empty_like(parameter) for _ in range(_MOMENTS)]
            parameter.grad = torch.zeros_like(parameter)
        batch = flatten(rows, network.device)
        task.loss(network, network(batch), batch).total.backward()
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        return False
    finally:
        for parameter in parameters:
            parameter.grad = None
    return True
