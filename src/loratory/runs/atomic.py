"""Files that are whole or not there, and clear words for what a disk can refuse.

Folders are synced like files, which takes Linux or macOS.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from safetensors import SafetensorError

from loratory.errors import LoratoryError, ResourceError, RunError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_HEADROOM = 1.2


def write_file(path: Path, data: bytes | str) -> None:
    """Put `data` (text as UTF-8) in the place of the file, at once: a kill leaves old or new.

    Raises:
        ResourceError: RES-DISK; the old file is unchanged.
        RunError: RUN-IO; the old file is unchanged.
    """
    fresh = path.with_name(path.name + ".new")
    with disk_errors(path):
        try:
            with fresh.open("wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        sync(path.parent)


def append(file: FileIO, data: bytes) -> None:
    """Put `data` at the end of an unbuffered file, or nothing of it where the disk refuses some."""
    before = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:
        file.truncate(before)
        raise


def sync(path: Path) -> None:
    """Wait until the disk holds the file's bytes, or the folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_space(folder: Path, expected_bytes: int) -> None:
    """Refuse to start writing `expected_bytes` into a folder without 1.2 times that much free.

    Raises:
        ResourceError: RES-DISK, with the folder and both numbers of bytes.
    """
    with disk_errors(folder):
        free = shutil.disk_usage(folder).free
    needed = int(expected_bytes * _HEADROOM)
    if free < needed:
        raise ResourceError(
            "RES-DISK",
            f"need {needed:,} bytes, {free:,} bytes free",
            at=str(folder),
            fix="free some space on this disk, or write to another one",
        )


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the system refuses while `path` is read or written into an error with advice.

    Raises:
        ResourceError: RES-DISK, for a full disk or a spent quota.
        RunError: RUN-IO, for everything else, such as a missing permission.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise _explained(path, error.errno, reason, error.filename) from error
    except SafetensorError as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        number = int(found[1]) if found else None
        raise _explained(path, number, str(error), None) from error


def _explained(path: Path, number: int | None, reason: str, filename: str | None) -> LoratoryError:
    if number in _FULL:
        return ResourceError(
            "RES-DISK",
            f"no space left ({reason}), {_free(path)}",
            at=str(path),
            fix="free some space on this disk; what was complete before is unchanged",
        )
    return RunError(
        "RUN-IO",
        f"cannot read or write ({reason})",
        at=str(path) if filename is None else f"{path} ({filename})",
        fix="check that the folder exists, that it is yours to write, and that the disk is healthy",
    )


def _free(path: Path) -> str:
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    return f"{shutil.disk_usage(nearest).free:,} bytes free"
