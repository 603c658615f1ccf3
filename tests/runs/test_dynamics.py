"""The rows' states: cut back to a checkpoint they go on as if nothing had been."""

import json

import pytest

from loratory.errors import ResourceError, RunError
from loratory.runs.dynamics import DynamicsFile, RowState, read_dynamics

A, B = RowState("a", 0.5, 0.123456789, right=True), RowState("b", 1e-9, 1.0, right=False)


def write(path, steps, *, after=0):
    with DynamicsFile(path, after=after) as file:
        for step in steps:
            file.write(step, 1 + step // 4, [A, B])


def test_each_state_is_read_with_its_epoch(tmp_path):
    write(tmp_path / "d", [3, 4])
    found = read_dynamics(tmp_path / "d")
    rounded = A._replace(confidence=0.123457)
    assert found == [(1, rounded), (1, B), (2, rounded), (2, B)]
    assert json.loads((tmp_path / "d").read_text().splitlines()[0])["step"] == 3


@pytest.mark.parametrize("after", range(7))
@pytest.mark.parametrize("torn", [b"", b'{"step": 7, "ep', b'{"step": 7}\n', b"\n", b"\xff\n"])
def test_cut_back_to_any_step_it_ends_in_the_same_bytes(tmp_path, after, torn):
    write(tmp_path / "straight", range(1, 8))
    write(tmp_path / "broken", range(1, 7))
    with (tmp_path / "broken").open("ab") as file:
        file.write(torn)
    write(tmp_path / "broken", range(after + 1, 8), after=after)
    assert (tmp_path / "broken").read_bytes() == (tmp_path / "straight").read_bytes()


def test_a_step_without_rows_leaves_no_line(tmp_path):
    with DynamicsFile(tmp_path / "d", after=0) as file:
        file.write(1, 1, [])
    assert read_dynamics(tmp_path / "d") == read_dynamics(tmp_path / "absent") == []


def test_a_full_disk_leaves_only_whole_lines(target, disk):
    with DynamicsFile(target, after=0) as file:
        file.write(1, 1, [A])
        for room in range(60):
            disk.room = room
            with pytest.raises(ResourceError, match="RES-DISK"):
                file.write(2, 1, [A])
        disk.heal()
        file.write(2, 1, [B])
    assert [state for _, state in read_dynamics(target)] == [A._replace(confidence=0.123457), B]


def test_a_damaged_line_is_named(tmp_path):
    write(tmp_path / "d", [1, 2])
    with (tmp_path / "d").open("ab") as file:
        file.write(b'{"step": 3}\n')
    with pytest.raises(RunError, match=r"RUN-DYNAMICS.*d:3"):
        read_dynamics(tmp_path / "d")
