"""The limit: what the matrix products alone would take that the job cannot do without.

    seconds at the limit = operations of the job / rate of large float32 products, measured now

Counted are the frozen linear layers, forward and, in training, once more for the gradient of their
input; where the vocabulary is read, its matrix at the positions that are asked for. Not counted:
attention's own products, the update beside the layers, everything that is no product. A token that
several rows of a step begin with counts once. All of the last block counts, though what nobody
reads of it can be left out.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.inference.tuned import Tuned
from loratory.models.network import Network
from loratory.train.loop import Plan

_SIDE, _TIMES = 1024, 8
_PER_WEIGHT = 2  # a multiplication and an addition


@dataclass(frozen=True)
class Work:
    """What one run of a job is, whoever does it."""

    rows: int
    tokens: int
    """Real tokens of the rows; those that rows begin with in common count for each of them."""

    operations: float
    """Floating-point operations that it takes at the least."""


def multiplication_rate() -> float:
    """Return the best of several large float32 products, in floating-point operations a second."""
    a, b = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    seconds = []
    for _ in range(_TIMES):
        before = time.perf_counter()
        F.linear(a, b)
        seconds.append(time.perf_counter() - before)
    return _PER_WEIGHT * _SIDE**3 / min(seconds)


def forward_operations(network: Network) -> int:
    """Return the operations of one token's way through the backbone's linear layers."""
    backbone = network.get_submodule(network.prefix)
    return _PER_WEIGHT * sum(
        layer.in_features * layer.out_features
        for layer in backbone.modules()
        if isinstance(layer, nn.Linear)
    )


def vocabulary_operations(network: Network) -> int:
    """Return the operations of the scores of one next token; 0 where nothing reads them."""
    if network.language_head is None:
        return 0
    head = network.get_submodule(network.language_head)
    assert isinstance(head, nn.Linear)
    return _PER_WEIGHT * head.in_features * head.out_features


def training_work(tuned: Tuned, rows: Sequence[EncodedRow], *, passes: float = 2.0) -> Work:
    """Return what training on the rows is.

    `passes` says how many times a token's way through the layers is paid for: forward and back.
    """
    training = tuned.recipe.training
    plan = Plan(rows, training, tuned.recipe.seed, tuned.compute.micro_batch_tokens)
    shares, network = tuned.base.network.shares, tuned.base.network
    once = sum(len(flatten(plan.step(step), shared=shares)) for step in range(plan.steps))
    read = training.epochs * sum(len(row.positions) for row in rows)
    return Work(
        rows=training.epochs * len(rows),
        tokens=training.epochs * sum(map(len, rows)),
        operations=passes * once * forward_operations(network)
        + 2 * read * vocabulary_operations(network),
    )
