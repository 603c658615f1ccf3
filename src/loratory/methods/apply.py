"""From the recipe's method to a network that trains what it says, and back into a folder."""

from pathlib import Path
from typing import assert_never

import torch

from loratory.methods import lora, peft_folder
from loratory.models.network import Network
from loratory.recipe.schema import LoraMethod, MethodSection


def apply_method(network: Network, method: MethodSection, generator: torch.Generator) -> None:
    """Edit `network` in place: freeze it, and add or free what trains."""
    match method:
        case LoraMethod():
            lora.apply(network, method, generator)
        case _:
            assert_never(method)


def save_trained(
    network: Network, method: MethodSection, folder: Path, *, base: str, heads: tuple[str, ...]
) -> None:
    """Write what trains into `folder`, in the field's own format for the method."""
    match method:
        case LoraMethod():
            peft_folder.save_adapter(network, method, folder, base=base, heads=heads)
        case _:
            assert_never(method)


def load_saved(network: Network, method: MethodSection, folder: Path) -> None:
    """Put what `save_trained` wrote into a network that the method was applied to."""
    match method:
        case LoraMethod():
            peft_folder.load_adapter(network, method, folder)
        case _:
            assert_never(method)
