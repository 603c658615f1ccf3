"""A folder's manifest: size and sha256 of each of its files, so that damage cannot go unseen.

The manifest is written last and has one spelling only, with a digest of itself: a folder is whole
when `manifest.json` says so, byte for byte.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loratory.runs.atomic import sync
from loratory.runs.json_files import json_text

MANIFEST = "manifest.json"


def write_manifest(folder: Path, info: Mapping[str, Any]) -> None:
    """Sync all that is in `folder`, then describe it in `manifest.json`, together with `info`."""
    files = _files(folder)
    for path in files.values():
        sync(path)
    for path in folder.rglob("*"):
        if path.is_dir():
            sync(path)
    seals = {name: _seal(path) for name, path in sorted(files.items())}
    (folder / MANIFEST).write_bytes(_spelled(seals, info))
    sync(folder / MANIFEST)
    sync(folder)


def read_info(folder: Path) -> dict[str, Any]:
    """Return the `info` of a folder that has no damage."""
    info: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())["info"]
    return info


def find_damage(folder: Path) -> str | None:
    """Return the first file that breaks a rule, and the rule; None for a folder that is whole."""
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = json.loads(data)
        expected = manifest["files"]
        if data != _spelled(expected, manifest["info"]):
            return f"{MANIFEST}: differs from its own digest"
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return f"{MANIFEST}: is missing"
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{MANIFEST}: is not a manifest"
    return _find_difference(_files(folder), expected)


def _find_difference(files: dict[str, Path], expected: dict[str, dict[str, Any]]) -> str | None:
    for name in sorted(files.keys() | expected.keys()):
        if name not in files:
            return f"{name}: is missing"
        if name not in expected:
            return f"{name}: is not in {MANIFEST}"
        if files[name].is_symlink() or not files[name].is_file():
            return f"{name}: is not a plain file"
        if files[name].stat().st_size != expected[name]["bytes"]:
            return f"{name}: size differs from {MANIFEST}"
        if _seal(files[name]) != expected[name]:
            return f"{name}: sha256 differs from {MANIFEST}"
    return None


def _files(folder: Path) -> dict[str, Path]:
    """Return everything below `folder` but folders and its manifest, by relative name."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: path
        for name, path in paths.items()
        if name != MANIFEST and (path.is_symlink() or not path.is_dir())
    }


def _seal(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _spelled(seals: Mapping[str, Any], info: Mapping[str, Any]) -> bytes:
    """Return the one spelling of a manifest."""
    content = {"files": seals, "info": info}
    digest = hashlib.sha256(json_text(content).encode()).hexdigest()
    return (json_text({"digest": digest, **content}, indent=2) + "\n").encode()
