"""The batch that takes the most memory, tried before training: it fits now, or smaller ones do.

Memory runs out here, in the first seconds, or not at all. How many rows an optimiser step has stays
as the recipe says: fewer tokens at once only mean that more parts add up to the step's gradient.
"""

from collections.abc import Sequence

import torch

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.errors import ResourceError
from loratory.methods.trained import trained_parameters
from loratory.models.network import Network
from loratory.tasks.task import Objective

# What PyTorch says on a processor, where it has no error of its own for it.
_NO_MEMORY = ("can't allocate memory", "not enough memory")


def fitting_tokens(
    network: Network, task: Objective, rows: Sequence[EncodedRow], *, batch_size: int, most: int
) -> int:
    """Return how many tokens can be computed at once: `most`, or a half, a quarter … of it.

    Tried is the fullest batch there can be, of the longest rows, at most `batch_size` of them,
    forward and backward.

    Raises:
        ResourceError: not even the longest row alone fits (RES-MEM).
    """
    longest = sorted(rows, key=len, reverse=True)[:batch_size]
    while not _fits(network, task, _fullest(longest, most)):
        least = len(longest[0])
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


def _fullest(longest: Sequence[EncodedRow], most: int) -> list[EncodedRow]:
    """Return the longest rows that have at most so many tokens, and always the first."""
    batch, tokens = [longest[0]], len(longest[0])
    for row in longest[1:]:
        tokens += len(row)
        if tokens > most:
            break
        batch.append(row)
    return batch


def _fits(network: Network, task: Objective, rows: Sequence[EncodedRow]) -> bool:
    """Compute a batch as training does; nothing of it is kept."""
    network.train()
    try:
        batch = flatten(rows, network.device)
        task.loss(network, network(batch), batch).total.backward()
    except (torch.OutOfMemoryError, MemoryError):
        return False
    except RuntimeError as error:
        if not any(words in str(error) for words in _NO_MEMORY):
            raise
        return False
    finally:
        for parameter in trained_parameters(network).values():
            parameter.grad = None
    return True
