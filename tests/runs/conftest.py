"""A file system that fails on demand: a process that dies, a power cut, an error, a full disk."""

import errno
import io
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


class Died(BaseException):
    """The process is gone: no code of it, not even a `finally`, may change the disk any more."""


@dataclass(frozen=True)
class Name:
    """A name that a folder was given and that may not have reached the disk yet."""

    folder: int
    inode: int
    before: Path | None


class FaultyDisk:
    """Counts the calls that change the disk below `root`, and makes one of them fail.

    Each write counts twice, so that one fault falls between its halves. Syncs are noted, not
    waited for; `cut_power` takes away what no sync has made safe. Removals are always safe, which
    is the worst case. The real functions do the work.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.real_open = io.open
        self.heal()
        for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync"):
            monkeypatch.setattr(os, name, self.counted(name, getattr(os, name)))
        monkeypatch.setattr(io, "open", self.open)

    def heal(self) -> None:
        """Count anew, without faults."""
        self.calls = 0
        self.dies_after = self.fails_at = self.room = float("inf")
        self.unsafe_bytes: set[int] = set()
        self.unsafe_names: list[Name] = []

    def change(self, action: Callable[[], object]) -> object:
        if self.calls >= self.dies_after:
            raise Died
        self.calls += 1
        if self.calls == self.fails_at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return action()

    def cut_power(self, rng: random.Random) -> None:
        """Lose unsynced bytes, and of each folder's unsynced names all but a random first part."""
        unsafe_bytes, unsafe_names = self.unsafe_bytes, self.unsafe_names
        self.heal()
        for path in self.root.rglob("*"):
            if path.stat().st_ino in unsafe_bytes:
                os.truncate(path, 0)
        lost = []
        for folder in sorted({name.folder for name in unsafe_names}):
            names = [name for name in unsafe_names if name.folder == folder]
            lost += names[rng.randint(0, len(names)) :]
        for name in sorted(lost, key=unsafe_names.index, reverse=True):
            self.lose(name)
        self.heal()

    def lose(self, name: Name) -> None:
        found = [path for path in self.root.rglob("*") if path.stat().st_ino == name.inode]
        for path in found:
            if name.before is not None:
                path.rename(name.before)
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def counted(self, kind: str, real: Callable[..., None]) -> Callable[..., None]:
        def call(first: object, *rest: object, **options: object) -> None:
            self.change(lambda: self.noted(kind, real, first, *rest, **options))

        return call

    def noted(
        self, kind: str, real: Callable[..., None], first: object, *rest: object, **options: object
    ) -> None:
        if kind == "fsync":
            synced = os.fstat(first).st_ino
            self.unsafe_bytes.discard(synced)
            self.unsafe_names = [name for name in self.unsafe_names if name.folder != synced]
            return
        if kind in {"unlink", "rmdir"}:
            gone = os.stat(first, dir_fd=options.get("dir_fd")).st_ino
            self.unsafe_bytes.discard(gone)
            self.unsafe_names = [name for name in self.unsafe_names if name.inode != gone]
        replaces = kind == "replace" and Path(rest[0]).exists()
        real(first, *rest, **options)
        if kind == "mkdir":
            self.note_name(Path(first), None)
        elif kind in {"rename", "replace"} and not replaces:
            self.note_name(Path(rest[0]), Path(first))

    def note_name(self, path: Path, before: Path | None) -> None:
        inode = path.stat().st_ino
        self.unsafe_names.append(Name(path.parent.stat().st_ino, inode, before))

    def open(self, file: object, mode: str = "r", *rest: object, **options: object) -> object:
        path = Path(file)
        if not set(mode) & set("wax+") or self.root not in path.parents:
            return self.real_open(file, mode, *rest, **options)
        is_new = not path.exists()
        opened = self.change(lambda: self.real_open(file, mode, *rest, **options))
        if is_new:
            self.note_name(path, None)
        return WrittenFile(opened, self)


class WrittenFile:
    """A file open for writing whose bytes reach the disk at once, in two halves."""

    def __init__(self, file: io.BufferedWriter, disk: FaultyDisk) -> None:
        self.file = file
        self.disk = disk

    def write(self, data: bytes) -> int:
        middle = len(data) // 2
        self.disk.unsafe_bytes.add(os.fstat(self.file.fileno()).st_ino)
        self.disk.change(lambda: self.put(data[:middle]))
        self.disk.change(lambda: self.put(data[middle:]))
        return len(data)

    def put(self, data: bytes) -> None:
        fitting = data[: int(min(self.disk.room, len(data)))]
        self.disk.room -= len(fitting)
        self.file.write(fitting)
        self.file.flush()
        if len(fitting) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)

    def __enter__(self) -> "WrittenFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


@contextmanager
def faulty_disk_in_memory() -> Iterator[FaultyDisk]:
    memory = Path("/dev/shm")  # a disk takes milliseconds to remove a folder, memory does not
    parent = memory if memory.is_dir() else None
    with TemporaryDirectory(dir=parent) as root, pytest.MonkeyPatch.context() as monkeypatch:
        yield FaultyDisk(Path(root), monkeypatch)


@pytest.fixture(scope="session")
def faulty_disk() -> Callable[[], AbstractContextManager[FaultyDisk]]:
    return faulty_disk_in_memory


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    with faulty_disk_in_memory() as disk:
        yield disk


@pytest.fixture
def target(disk: FaultyDisk) -> Path:
    """Return the path of a folder to publish, alone in a folder on the faulty disk."""
    run = disk.root / "run"
    run.mkdir()
    return run / "last"


@pytest.fixture(scope="session")
def died() -> type[Died]:
    return Died
