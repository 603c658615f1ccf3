"""Full fine-tuning: every weight of the base trains; what comes out is a model of its own."""

from pathlib import Path

import torch

from loratory.methods.method import Method
from loratory.methods.transformers_folder import load_model, save_model
from loratory.models.dropout import set_dropout
from loratory.models.load import Base
from loratory.recipe.schema import FullMethod


class Full(Method):
    """Every parameter trains, but for what a base has fixed."""

    kind = "full"

    def __init__(self, section: FullMethod) -> None:
        self.dropout = section.dropout

    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Let every parameter train, with dropout where the recipe asks for it.

        Raises:
            ConfigError: the base's architecture has no dropout.
        """
        del generator
        base.network.requires_grad_(requires_grad=True)
        for name in base.fixed:
            base.network.get_submodule(name).requires_grad_(requires_grad=False)
        if self.dropout:
            set_dropout(base.network, self.dropout)

    def save(self, base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
        """Write the network as a folder that transformers loads."""
        del heads
        save_model(base, folder)

    def load(self, base: Base, folder: Path) -> None:
        """Put the folder's weights into the base's network."""
        load_model(base.network, folder)
