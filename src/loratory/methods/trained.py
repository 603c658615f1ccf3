"""The tensors that train: optimiser, checkpoint and adapter folder hold exactly these."""

import hashlib
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor, nn


def trained_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that train, by name."""
    return {
        name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad
    }


def trained_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the tensors that train, on the CPU, by name."""
    return {
        name: parameter.detach().cpu().clone().contiguous()
        for name, parameter in trained_parameters(network).items()
    }


def trained_digest(network: nn.Module) -> str:
    """Return the sha256 of the tensors that train, as they are now."""
    return hashlib.sha256(save(trained_tensors(network))).hexdigest()


def load_trained(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put `tensors` into the parameters that train; names and shapes must be the same."""
    parameters = trained_parameters(network)
    if parameters.keys() != tensors.keys():
        different = sorted(parameters.keys() ^ tensors.keys())
        raise KeyError(f"not the same tensors: {different[:3]}")
    copy_into(parameters, tensors)


def copy_into(parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
    """Put `tensors` into parameters of the same names and shapes."""
    for name, parameter in parameters.items():
        parameter.data.copy_(tensors[name])


def parameter_counts(network: nn.Module) -> tuple[int, int]:
    """Return how many numbers train, and how many there are in all; tied ones count once."""
    trained = sum(p.numel() for p in trained_parameters(network).values())
    return trained, sum(p.numel() for p in network.parameters())
