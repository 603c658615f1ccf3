"""No method, or prompting: the base answers as it is, with nothing to train, to save or to load.

Which training rows stand solved before a prompt is the task's to write: it knows what a prompt is.
In place of weights a prompted run keeps those rows (`shown.json`). Brown et al. 2020, "Language
Models are Few-Shot Learners", arXiv:2005.14165.
"""

from pathlib import Path
from typing import Literal

import torch

from loratory.methods.method import Method
from loratory.models.load import Base


class Nothing(Method):
    """Nothing trains."""

    def __init__(self, kind: Literal["none", "prompting"] = "none") -> None:
        self.kind = kind

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
