"""One owner per run folder: a lock that the system releases when its holder ends, however it ends.

The lock is `flock` on the file `.lock`, which also names the owner. Linux and macOS.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from loratory.errors import RunError
from loratory.runs.atomic import disk_errors

LOCK = ".lock"
_NAMING_SECONDS = 0.05


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own the run folder inside the `with` block.

    Raises:
        RunError: RUN-LOCK, when a process, this one included, owns it already.
    """
    with disk_errors(folder):
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with disk_errors(folder):
            _take(descriptor, folder, fcntl.LOCK_EX)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, _own_name())
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
            # Closing is not enough: a forked child may hold the same open file.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


@contextmanager
def awaited(folder: Path, *, every: float = 1.0) -> Iterator[None]:
    """Own the folder once whoever owns it is done; `every` is how many seconds to wait at a time.

    Raises:
        RunError: RUN-IO.
    """
    while True:
        with ExitStack() as held:
            try:
                held.enter_context(owned(folder))
            except RunError as error:
                if error.code != "RUN-LOCK":
                    raise
            else:
                yield
                return
        time.sleep(every)


def refuse_active(folder: Path) -> None:
    """Refuse a folder that a process owns; change nothing in it.

    Raises:
        RunError: RUN-LOCK, naming the owner.
    """
    if not (folder / LOCK).is_file():
        return
    with disk_errors(folder):
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
        try:
            _take(descriptor, folder, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)


def _take(descriptor: int, folder: Path, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            "RUN-LOCK",
            f"run {folder.name} is active ({_owner(descriptor)})",
            at=str(folder),
            fix="wait until it ends, stop that process, or write to another folder with --out",
        ) from None


def _own_name() -> bytes:
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode()


def _owner(descriptor: int) -> str:
    time.sleep(_NAMING_SECONDS)  # an owner that has just begun has yet to write its name
    try:
        owner = json.loads(os.pread(descriptor, 1000, 0))
        return f"pid {owner['pid']}, host {owner['host']}, since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "its owner has not said who it is"
