"""A linear probe: the base stays as it is, and only the task's head trains.

Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes",
arXiv:1610.01644.
"""

import torch

from loratory.methods.method import Method
from loratory.models.load import Base


class Head(Method):
    """Only the head trains, which the task attaches."""

    kind = "head"

    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base."""
        del generator
        base.network.requires_grad_(requires_grad=False)
