"""A large table of numbers that is computed once, kept in the user's cache and read from there."""

import shutil
from collections.abc import Callable
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from loratory.data.cache import cache_folder
from loratory.errors import RunError
from loratory.runs.atomic import disk_errors
from loratory.runs.lock import awaited
from loratory.runs.published import publish_folder, recover_published

_FOLDER, _FILE = "frozen_states", "numbers"


def kept_file(
    digest: str, shape: tuple[int, ...], dtype: torch.dtype, fill: Callable[[Tensor], None]
) -> Tensor:
    """Return the table called `digest`, mapped from its file; where there is none, `fill` makes it.

    Raises:
        ResourceError: RES-DISK, where the disk has no room for it.
        RunError: RUN-IO.
    """
    folder = cache_folder() / _FOLDER / digest
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)

    def table(path: Path, *, new: bool) -> Tensor:
        size = prod(shape)
        return torch.from_file(str(path / _FILE), shared=new, size=size, dtype=dtype).view(shape)

    with awaited(folder):
        target = folder / "table"
        if not _is_whole(target):
            publish_folder(
                target,
                lambda fresh: fill(table(fresh, new=True)),
                info={},
                expected_bytes=prod(shape) * dtype.itemsize,
            )
        return table(target, new=False)


def _is_whole(target: Path) -> bool:
    try:
        return recover_published(target) is not None
    except RunError as error:
        if error.code != "CKPT-BAD":
            raise
    # Nothing in it is lost: it is computed again.
    shutil.rmtree(target)
    return False
