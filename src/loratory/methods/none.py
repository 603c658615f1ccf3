"""No method: the base stays as it is, and only a task's head, where it has one, trains."""

from pathlib import Path

from safetensors.torch import load_file, save_file

from loratory.methods.trained import load_trained, trained_tensors
from loratory.models.network import Network

_HEADS = "heads.safetensors"


def apply(network: Network) -> None:
    """Freeze `network`."""
    network.requires_grad_(requires_grad=False)


def save_heads(network: Network, folder: Path) -> None:
    """Write the heads' weights, which may be none at all."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(trained_tensors(network), folder / _HEADS)


def load_heads(network: Network, folder: Path) -> None:
    """Put the weights that `save_heads` wrote into a network with the same heads."""
    load_trained(network, load_file(folder / _HEADS))
