"""The manifest: no damage to a folder goes unseen, and the damaged file is named."""

import random
from pathlib import Path

import pytest

from loratory.runs.manifest import find_damage, read_info, write_manifest

INFO = {"step": 40, "metric": {"accuracy": 0.75}, "name": "Zürich"}
FILES = ["weights", "optimizer", "state/cursor"]
KINDS = ["truncate", "flip a bit", "zero a page", "swap two files", "remove one", "extra file"]


@pytest.fixture
def folder(disk):
    folder = disk.root / "last"
    (folder / "state").mkdir(parents=True)
    fill(folder, random.Random(1))
    return folder


def fill(folder: Path, rng: random.Random) -> None:
    for name in FILES:
        (folder / name).write_bytes(rng.randbytes(9000))
    (folder / "state" / "empty").touch()
    write_manifest(folder, INFO)


def damage(folder: Path, kind: str, rng: random.Random) -> str:
    """Damage a folder and return the name of a file that shows it."""
    path, other = rng.sample([folder / name for name in FILES], 2)
    if rng.random() < 0.3 and kind != "swap two files":
        path = folder / "manifest.json"
    data = bytearray(path.read_bytes())
    match kind:
        case "truncate":
            path.write_bytes(data[: rng.randrange(len(data))])
        case "flip a bit":
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
        case "zero a page":
            start = rng.randrange(0, len(data), 4096)
            data[start : start + 4096] = bytes(len(data[start : start + 4096]))
            path.write_bytes(data)
        case "swap two files":
            path.write_bytes(other.read_bytes())
            other.write_bytes(data)
            path = min(path, other)
        case "remove one":
            path.unlink()
        case "extra file":
            path = path.with_name(f"extra-{rng.randrange(100)}")
            path.touch()
    return path.relative_to(folder).as_posix()


def test_a_whole_folder_has_no_damage_and_gives_its_info_back(folder):
    assert find_damage(folder) is None
    assert read_info(folder) == INFO


def test_five_hundred_damages_are_all_seen_and_named(folder):
    rng = random.Random(0)
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for number in range(500):
        name = damage(folder, KINDS[number % len(KINDS)], rng)
        assert str(find_damage(folder)).startswith(f"{name}: ")
        (folder / name).unlink(missing_ok=True)
        for path, data in whole.items():
            path.write_bytes(data)
    assert find_damage(folder) is None


def test_a_manifest_of_an_older_copy_is_seen(folder):
    older = (folder / "manifest.json").read_bytes()
    fill(folder, random.Random(2))
    assert find_damage(folder) is None
    (folder / "manifest.json").write_bytes(older)
    assert find_damage(folder) == "optimizer: sha256 differs from manifest.json"


def test_a_change_of_the_info_is_seen(folder):
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"step": 40', '"step": 41'))
    assert find_damage(folder) == "manifest.json: differs from its own digest"


def test_a_link_in_the_place_of_a_file_is_seen(folder):
    (folder / "weights").rename(folder.with_name("elsewhere"))
    (folder / "weights").symlink_to(folder.with_name("elsewhere"))
    assert find_damage(folder) == "weights: is not a plain file"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"null", b'{"files": 1}', b"[" * 100_000, b"\xff"]
)
def test_a_manifest_that_is_none_is_seen(folder, data):
    (folder / "manifest.json").write_bytes(data)
    assert find_damage(folder) == "manifest.json: is not a manifest"


def test_a_folder_without_a_manifest_is_not_whole(folder):
    (folder / "manifest.json").unlink()
    assert find_damage(folder) == "manifest.json: is missing"
    assert find_damage(folder / "weights") == "manifest.json: is missing"
