"""From the recipe's method to a network that trains what it says, and back into a folder."""

from pathlib import Path
from typing import assert_never

import torch

from loratory.methods import full, lora, none, peft_folder
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.recipe.schema import FullMethod, LoraMethod, MethodSection, NoMethod


def apply_method(network: Network, method: MethodSection, generator: torch.Generator) -> None:
    """Edit `network` in place: freeze it, and add or free what trains."""
    match method:
        case LoraMethod():
            lora.apply(network, method, generator)
        case FullMethod():
            full.apply(network)
        case NoMethod():
            none.apply(network)
        case _:
            assert_never(method)


def save_trained(
    base: Base, method: MethodSection, folder: Path, *, heads: tuple[str, ...]
) -> None:
    """Write what trains into `folder`, in the field's own format for the method.

    `heads` are the modules that the task added to the base's network.
    """
    match method:
        case LoraMethod():
            name = base.source.name if base.source.kind == "hub" else str(base.source.folder)
            peft_folder.save_adapter(base.network, method, folder, base=name, heads=heads)
        case FullMethod():
            full.save_model(base, folder)
        case NoMethod():
            none.save_heads(base.network, folder)
        case _:
            assert_never(method)


def load_saved(network: Network, method: MethodSection, folder: Path) -> None:
    """Put what `save_trained` wrote into a network that the method was applied to."""
    match method:
        case LoraMethod():
            peft_folder.load_adapter(network, method, folder)
        case FullMethod():
            full.load_model(network, folder)
        case NoMethod():
            none.load_heads(network, folder)
        case _:
            assert_never(method)
