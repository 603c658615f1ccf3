"""Virtual tokens in PEFT's folder: one tensor `prompt_embeddings`, and the head beside it.

There PEFT puts nothing around the model's layers, so the head is `base_model.score` and not, as
beside adapted layers, `base_model.model.score`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loratory.methods.peft_folder import (
    WEIGHTS,
    adapter_tensors,
    require_settings,
    write_folder,
)
from loratory.methods.tensor_file import put_tensors
from loratory.methods.trained import trained_parameters, trained_tensors
from loratory.models.load import Base


def save_virtual(
    base: Base, folder: Path, settings: Mapping[str, Any], *, heads: tuple[str, ...]
) -> None:
    """Write what trains into `folder`; `heads` are the modules the task added.

    `settings` are the method's own, under PEFT's names.
    """
    tensors = {_key(name): tensor for name, tensor in trained_tensors(base.network).items()}
    # The network is one transformer, not an encoder with a decoder.
    whole = {**settings, "num_transformer_submodules": 1, "modules_to_save": [*heads] or None}
    write_folder(base, folder, tensors, whole, heads=heads)


def load_virtual(base: Base, folder: Path, settings: Mapping[str, Any]) -> None:
    """Put the folder's tensors into a base that the method with `settings` was applied to.

    Raises:
        SecurityError, ModelError, NumericsError: as `peft_folder.load_adapter`.
    """
    require_settings(folder, settings)
    names = {_key(name): name for name in trained_parameters(base.network)}
    found = adapter_tensors(base, folder)
    put_tensors(
        trained_parameters(base.network),
        {names.get(key, key): tensor for key, tensor in found.items()},
        at=folder / WEIGHTS,
        keys={name: key for key, name in names.items()},
    )


def _key(name: str) -> str:
    return name.removeprefix("virtual.") if name.startswith("virtual.") else f"base_model.{name}"
