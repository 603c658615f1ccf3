"""Dropout in a base, wherever its architecture has some; a base is loaded with all of it off."""

from torch import nn

from loratory.errors import ConfigError
from loratory.models.network import Network


def set_dropout(network: Network, probability: float) -> None:
    """Set every dropout of the backbone: of embeddings, of attention, of what a block adds.

    Raises:
        ConfigError: there is none.
    """
    found = False
    for module in network.get_submodule(network.prefix).modules():
        # Attention keeps its own as a number, which it passes on with the query.
        names = ["p"] if isinstance(module, nn.Dropout) else _numbers(module)
        for name in names:
            setattr(module, name, probability)
            found = True
    if not found:
        raise ConfigError(
            "CFG-METHOD",
            f"a base of type {network.config.model_type} has no dropout anywhere",
            at="method.dropout",
            got=probability,
            expected="0.0",
            fix="leave method.dropout out",
        )


def _numbers(module: nn.Module) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if "dropout" in name and isinstance(value, float | int) and not isinstance(value, bool)
    ]
