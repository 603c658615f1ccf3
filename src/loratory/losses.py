"""Losses: pure functions of tensors. Each is a sum and the count of its unit."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Loss:
    """A sum over `count` units (rows, tokens or pairs); the loop divides once per step."""

    total: Tensor
    count: int


def cross_entropy(logits: Tensor, targets: Tensor) -> Loss:
    """Return -log p(target), summed: logits `[units, classes]`, targets `[units]`."""
    return Loss(F.cross_entropy(logits, targets, reduction="sum"), len(targets))
