"""Checkpoints: the tensors that train, the optimiser's state, and where the run stands.

    trained.safetensors   optimizer.safetensors   state.json   manifest.json (checksums)

No generator state is kept, because every random stream is a function of the step. Two checkpoints
of the same step of the same run are equal byte for byte.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from loratory.errors import NumericsError
from loratory.runs.published import publish_folder

TRAINED, OPTIMIZER, STATE = "trained.safetensors", "optimizer.safetensors", "state.json"


@dataclass(frozen=True)
class TrainState:
    """Where a run stands between two optimiser steps."""

    step: int = 0
    """Optimiser steps done."""

    best_value: float | None = None
    """Value of the selecting metric at the best evaluation."""

    best_step: int | None = None
    """Steps done at the best evaluation."""

    worse_evaluations: int = 0
    """Evaluations since the best one."""

    finished: bool = False
    """Whether training is over, by its length or by early stopping."""


def save_checkpoint(
    target: Path,
    state: TrainState,
    trained: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor],
) -> None:
    """Publish a checkpoint as `target`; the one before stays whole until this one is.

    Raises:
        NumericsError: a tensor holds values that are not finite; nothing is written.
        ResourceError, RunError: the disk is full or fails; the one before is unchanged.
    """
    for name, tensor in [*trained.items(), *optimizer.items()]:
        _require_finite(name, tensor)

    def fill(folder: Path) -> None:
        save_file(dict(trained), folder / TRAINED)
        save_file(dict(optimizer), folder / OPTIMIZER)
        (folder / STATE).write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")

    size = sum(tensor.nbytes for tensor in [*trained.values(), *optimizer.values()])
    publish_folder(target, fill, info={"step": state.step}, expected_bytes=size)


def read_state(folder: Path) -> TrainState:
    """Return where the run stood; `folder` is a whole checkpoint."""
    return TrainState(**json.loads((folder / STATE).read_text(encoding="utf-8")))


def read_trained(folder: Path) -> dict[str, Tensor]:
    """Return the tensors that train; `folder` is a whole checkpoint."""
    return load_file(folder / TRAINED)


def read_optimizer(folder: Path) -> dict[str, Tensor]:
    """Return the optimiser's tensors; `folder` is a whole checkpoint."""
    return load_file(folder / OPTIMIZER)


def _require_finite(name: str, tensor: Tensor) -> None:
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise NumericsError(
            "NUM-NAN",
            f"{bad} values of {name} are not finite; no checkpoint is written",
            at=name,
            fix="start a new run with a lower training.learning_rate",
        )
