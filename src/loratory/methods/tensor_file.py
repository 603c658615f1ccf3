"""What trains, in one safetensors file: written, and read back only if it fits in every tensor."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from loratory.errors import ModelError, NumericsError
from loratory.methods.trained import copy_into, trained_parameters, trained_tensors
from loratory.models.checks import require_whole


def write_tensors(network: nn.Module, path: Path) -> None:
    """Write what trains under its names in the network."""
    save_file(trained_tensors(network), path)


def read_tensors(network: nn.Module, path: Path) -> None:
    """Put a file's tensors into what trains.

    Raises:
        ModelError: the file cannot be read, or its tensors are others, by name or shape.
        NumericsError: a tensor holds values that are not finite.
    """
    put_tensors(trained_parameters(network), load_tensors(path), at=path, keys={})


def put_tensors(
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    *,
    at: Path,
    keys: Mapping[str, str],
) -> None:
    """Put `tensors` into `parameters` of the same names; `keys` are those in the file, if others.

    Raises:
        ModelError, NumericsError: as `read_tensors`; then nothing has changed.
    """
    if different := sorted(tensors.keys() ^ parameters.keys()):
        raise ModelError(
            "ADAPTER-BASE",
            f"{len(different)} tensors of the adapter and of the network do not match",
            at=str(at),
            got=keys.get(different[0], different[0]),
            expected="the same names on both sides",
            fix="load the adapter with the base, the method and the labels it was trained with",
        )
    for name, parameter in parameters.items():
        require_fit(f"{at}, {keys.get(name, name)}", tensors[name], parameter)
    copy_into(parameters, tensors)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        require_whole(path)
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            "MODEL-FORMAT",
            f"not a valid safetensors file ({error})",
            at=str(path),
            fix="copy the adapter folder again, or train it again",
        ) from None


def require_fit(at: str, tensor: Tensor, parameter: Tensor) -> None:
    """Refuse a tensor of another shape than the parameter's, or with values that are not finite.

    Raises:
        ModelError, NumericsError: it is such a tensor.
    """
    if tensor.shape != parameter.shape:
        raise ModelError(
            "ADAPTER-BASE",
            "the adapter was trained for another base or other labels",
            at=at,
            got=list(tensor.shape),
            expected=str(list(parameter.shape)),
            fix="load the adapter with the base and the labels it was trained with",
        )
    if bad := int((~torch.isfinite(tensor)).sum()):
        raise NumericsError(
            "ADAPTER-NAN",
            f"the adapter has {bad} values that are not finite",
            at=at,
            fix="use an earlier checkpoint, or train again with a lower learning rate",
        )
