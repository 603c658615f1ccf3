"""Folders that are replaced at once: checkpoints and adapters.

    fill NAME.new, manifest last → verify → NAME becomes NAME.old → NAME.new becomes NAME → remove
    NAME.old

After the first publication at least one of the three is whole at every instant, so a kill loses at
most the copy being written.
"""

import errno
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loratory.errors import RunError
from loratory.runs.atomic import disk_errors, require_space, sync
from loratory.runs.manifest import find_damage, read_info, write_manifest


@dataclass(frozen=True)
class Published:
    """A folder whose every byte is as it was published."""

    path: Path
    """Where it is: the target, or the sibling that a kill left whole."""

    info: dict[str, Any]
    """What the publisher wrote into the manifest, such as the step."""

    note: str | None
    """Why the target itself was not used, for the log."""


def publish_folder(
    target: Path,
    fill: Callable[[Path], None],
    *,
    info: Mapping[str, Any],
    expected_bytes: int = 0,
) -> None:
    """Put a folder with what `fill` writes, and a manifest with `info`, in the place of `target`.

    Only the owner of the run may call it.

    Raises:
        ResourceError: RES-DISK; what was published before is unchanged.
        RunError: RUN-IO, or CKPT-BAD when the disk does not return what was written; what was
            published before is unchanged.
    """
    fresh, old = _siblings(target)
    with disk_errors(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(target))
        if fresh.exists() or old.exists():
            _settle(target, _survey(target)[0])
        require_space(target.parent, expected_bytes)
        try:
            fresh.mkdir()
            fill(fresh)
            write_manifest(fresh, info)
            if damage := find_damage(fresh):
                raise _bad(target, {fresh: damage})
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        sync(target.parent)
        if old.exists():
            shutil.rmtree(old)


def open_published(target: Path) -> Published | None:
    """Return the whole copy of `target`, or None where nothing was ever published.

    Changes nothing, so that a reader cannot disturb the owner of the run.

    Raises:
        RunError: CKPT-BAD, when there are copies and none is whole; RUN-IO.
    """
    with disk_errors(target):
        whole, damage = _survey(target)
        if whole is not None:
            note = None if whole == target else _note(target, whole, damage)
            return Published(whole, read_info(whole), note)
    if damage.keys() <= {_siblings(target)[0]}:
        return None
    raise _bad(target, damage)


def recover_published(target: Path) -> Published | None:
    """Return what `open_published` does, put in its place, with the leavings of a kill removed.

    Only the owner of the run may call it.

    Raises:
        RunError: CKPT-BAD, when there are copies and none is whole; RUN-IO.
    """
    found = open_published(target)
    with disk_errors(target):
        _settle(target, None if found is None else found.path)
    return None if found is None else replace(found, path=target)


def _siblings(target: Path) -> tuple[Path, Path]:
    return target.with_name(target.name + ".new"), target.with_name(target.name + ".old")


def _survey(target: Path) -> tuple[Path | None, dict[Path, str]]:
    """Return the first whole copy, and what is wrong with those before it."""
    damage: dict[Path, str] = {}
    for path in (target, *_siblings(target)):
        if path.exists():
            problem = find_damage(path)
            if problem is None:
                return path, damage
            damage[path] = problem
    return None, damage


def _settle(target: Path, whole: Path | None) -> None:
    """Put the whole copy, if any, in the place of the target; remove the siblings."""
    if whole is not None and whole != target:
        if target.exists():
            shutil.rmtree(target)
        whole.rename(target)
    for path in _siblings(target):
        if path.exists():
            shutil.rmtree(path)


def _note(target: Path, whole: Path, damage: Mapping[Path, str]) -> str:
    reason = f"damaged ({damage[target]})" if target in damage else "missing"
    return f"{target.name} is {reason}; using {whole.name}, which is whole"


def _bad(target: Path, damage: Mapping[Path, str]) -> RunError:
    where, problem = next(iter(damage.items()))
    return RunError(
        "CKPT-BAD",
        f"{target.name} is damaged ({problem}) and there is no whole copy of it",
        at=str(where),
        fix="use another checkpoint or a backup of this folder, or start a new run",
    )
