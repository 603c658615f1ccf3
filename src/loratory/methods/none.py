"""No method: the base answers as it is, and there is nothing to train, to save or to load."""

from pathlib import Path

import torch

from loratory.methods.method import Method
from loratory.models.load import Base


class Nothing(Method):
    """Nothing trains."""

    kind = "none"

    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base."""
        del generator
        base.network.requires_grad_(requires_grad=False)

    def save(self, base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
        """Make the folder."""
        del base, heads
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, base: Base, folder: Path) -> None:
        """Read nothing."""
