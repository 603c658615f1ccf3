"""Atomic files: old or new, never half; and clear words when the disk refuses."""

import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from loratory.errors import ResourceError, RunError
from loratory.runs.atomic import disk_errors, require_space, write_file


@pytest.fixture
def path(disk):
    return disk.root / "result.json"


def test_a_written_file_holds_its_text_in_utf8(path):
    write_file(path, "Zürich\r\n\u2028")
    assert path.read_bytes() == "Zürich\r\n\u2028".encode()
    write_file(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("power", ["stays", "is cut"])
def test_a_death_after_any_call_leaves_the_old_file_or_the_new(path, disk, died, power):
    after, done, found = 0, False, []
    while not done:
        write_file(path, b"old")
        disk.heal()
        disk.dies_after = after
        with suppress(died):
            write_file(path, b"new bytes")
            done = True
        disk.dies_after = float("inf")
        if power == "is cut":
            disk.cut_power(random.Random(after))
        found.append(path.read_bytes())
        after += 1
    assert set(found) == {b"old", b"new bytes"}
    assert found[-1] == b"new bytes"


def test_a_new_file_survives_a_power_cut_once_it_is_written(path, disk):
    for seed in range(8):
        write_file(path, b"new bytes")
        disk.cut_power(random.Random(seed))
        assert path.read_bytes() == b"new bytes"
        path.unlink()


def test_an_error_of_any_call_is_told_and_leaves_no_half_file(path, disk):
    write_file(path, b"old")
    disk.heal()
    write_file(path, b"new bytes")
    for call in range(1, disk.calls + 1):
        disk.heal()
        disk.fails_at = call
        with pytest.raises(RunError, match=f"RUN-IO.*{path}"):
            write_file(path, b"newer bytes")
        assert path.read_bytes() in {b"new bytes", b"newer bytes"}
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("room", range(4))
def test_a_full_disk_keeps_the_old_file(path, disk, room):
    write_file(path, b"old")
    disk.room = room
    with pytest.raises(ResourceError, match=f"RES-DISK.*bytes free, at {path}") as caught:
        write_file(path, b"newer")
    assert caught.value.exit_code == 5
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("in_the_way", ["no folder", "a file", "a folder of that name"])
def test_a_file_that_cannot_be_written_is_an_error(tmp_path, in_the_way):
    path = tmp_path / "run" / "result.json"
    if in_the_way == "a file":
        path.parent.touch()
    if in_the_way == "a folder of that name":
        path.mkdir(parents=True)
    with pytest.raises(RunError, match=f"RUN-IO.*{path}") as caught:
        write_file(path, b"data")
    assert caught.value.exit_code == 4
    assert not path.is_file()


def test_space_is_required_with_a_fifth_to_spare(tmp_path):
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    require_space(tmp_path, int(free / 1.3))
    with pytest.raises(ResourceError, match=r"RES-DISK.*need [\d,]+ bytes, [\d,]+ bytes") as caught:
        require_space(tmp_path, int(free / 1.1))
    assert caught.value.at == str(tmp_path)


def test_a_disk_that_safetensors_finds_full_is_told_as_full(tmp_path):
    with pytest.raises(ResourceError, match="RES-DISK"), disk_errors(tmp_path):
        raise SafetensorError("I/O error: No space left on device (os error 28)")


def test_what_else_safetensors_meets_is_told_with_its_place(tmp_path):
    with pytest.raises(RunError, match=r"RUN-IO.*No such file"), disk_errors(tmp_path):
        save_file({}, tmp_path / "missing" / "weights.safetensors")


def test_errors_that_are_not_the_disks_pass(tmp_path):
    with pytest.raises(KeyError), disk_errors(Path(tmp_path)):
        raise KeyError
