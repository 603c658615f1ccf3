"""Published folders: whatever happens, the old copy or the new one is there, whole."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.errors import ResourceError, RunError
from loratory.runs.published import open_published, publish_folder, recover_published


def contents(step: int) -> dict[str, bytes]:
    rng = random.Random(step)
    weights, optimizer = rng.randbytes(9000), rng.randbytes(9000)
    return {"weights": weights, "optimizer": optimizer, "state/step": b"%d" % step}


def publish(target: Path, step: int) -> None:
    def fill(folder: Path) -> None:
        (folder / "state").mkdir()
        for name, data in contents(step).items():
            (folder / name).write_bytes(data)

    publish_folder(target, fill, info={"step": step})


def published_step(target: Path) -> int | None:
    """Return the step that a reader finds, all of whose bytes are right."""
    found = open_published(target)
    step = found and found.info["step"]
    for name, data in contents(step).items() if found else ():
        assert (found.path / name).read_bytes() == data
    return step


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def publish_and_die(disk, died, target):
    """Publish in a process that dies after some calls; say whether it got to the end."""

    def run(step: int, *, after: int) -> bool:
        disk.heal()
        disk.dies_after, done = after, False
        with suppress(died):
            publish(target, step)
            done = True
        disk.dies_after = float("inf")
        return done

    return run


@pytest.fixture
def deaths(target, publish_and_die):
    """Publish step 2 and die after 0, 1, 2, … calls, up to all; yield whether it was all."""

    def every(*steps_before: int) -> Iterator[bool]:
        for after in count():
            begin_again(target, *steps_before)
            done = publish_and_die(2, after=after)
            yield done
            if done:
                return

    return every


def begin_again(target: Path, *steps: int) -> None:
    shutil.rmtree(target.parent)
    target.parent.mkdir()
    for step in steps:
        publish(target, step)


def test_a_reader_finds_what_was_published_last(target):
    assert open_published(target) is None
    for step in (1, 2):
        publish(target, step)
        assert published_step(target) == step
        assert open_published(target).note is None
        assert names(target.parent) == {"last"}


def test_a_kill_after_any_call_leaves_the_old_copy_or_the_new(target, deaths):
    found = [published_step(target) for _ in deaths(1)]
    assert len(found) > 25
    assert found == sorted(found)
    assert set(found) == {1, 2}


def test_a_kill_of_the_first_publication_leaves_nothing_or_the_copy(target, deaths):
    found = [published_step(target) for _ in deaths()]
    assert set(found) == {None, 2}
    assert found[-1] == 2


def test_a_second_kill_on_top_of_any_first_one_loses_nothing(target, deaths, publish_and_die):
    for second in range(0, 60, 5):
        for _ in deaths(1):
            before = published_step(target)
            publish_and_die(3, after=second)
            assert published_step(target) in {before, 3}


def test_a_kill_or_power_cut_while_recovering_loses_nothing(target, deaths, disk, died):
    for after in range(20):
        for _ in deaths(1):
            before = published_step(target)
            disk.heal()
            disk.dies_after = after
            with suppress(died):
                recover_published(target)
                assert names(target.parent) == {"last"}
            disk.dies_after = float("inf")
            assert published_step(target) == before
            disk.cut_power(random.Random(after))
            assert published_step(target) == before


def test_a_power_cut_after_any_call_leaves_the_old_copy_or_the_new(target, deaths, disk):
    rng = random.Random(0)
    for _ in range(8):
        for done in deaths(1):
            disk.cut_power(rng)
            assert published_step(target) in ({2} if done else {1, 2})


def test_a_reader_changes_nothing(target, deaths):
    for _ in deaths(1):
        before = sorted(target.parent.rglob("*"))
        open_published(target)
        assert sorted(target.parent.rglob("*")) == before


def test_a_damaged_copy_gives_way_to_a_whole_sibling_with_a_note(target, deaths):
    next(None for _ in deaths(1) if names(target.parent) == {"last", "last.old"})
    (target / "weights").write_bytes(b"bit rot")
    found = open_published(target)
    assert (found.path.name, found.info) == ("last.old", {"step": 1})
    assert found.note.startswith("last is damaged (weights: size differs from manifest.json); us")
    assert recover_published(target) == replace(found, path=target)
    assert published_step(target) == 1


def test_a_damaged_copy_alone_is_refused_by_name(target):
    publish(target, 1)
    (target / "weights").write_bytes(b"bit rot")
    with pytest.raises(RunError, match=rf"CKPT-BAD.*last is damaged \(weights: size.* at {target}"):
        open_published(target)


def test_an_error_of_any_call_is_told_and_loses_nothing(target, disk):
    begin_again(target, 1)
    disk.heal()
    publish(target, 2)
    for call in range(1, disk.calls + 1):
        begin_again(target, 1)
        disk.heal()
        disk.fails_at = call
        with pytest.raises(RunError, match=f"RUN-IO.*{target}"):
            publish(target, 2)
        assert published_step(target) in {1, 2}
        publish(target, 3)
        assert published_step(target) == 3


def test_a_disk_that_fills_up_keeps_the_old_copy_and_no_leavings(target, disk):
    total = sum(map(len, contents(2).values()))
    for room in range(0, total + 400, total // 50):
        begin_again(target, 1)
        disk.room = room
        with pytest.raises(ResourceError, match=rf"RES-DISK.*[\d,]+ bytes free, at {target}\n"):
            publish(target, 2)
        disk.heal()
        assert names(target.parent) == {"last"}
        assert published_step(target) == 1


def test_a_copy_that_cannot_fit_is_refused_before_it_is_begun(target):
    free = shutil.disk_usage(target.parent).free
    with pytest.raises(ResourceError, match="RES-DISK"):
        publish_folder(target, Path.rmdir, info={}, expected_bytes=free)
    assert names(target.parent) == set()


def test_a_mistake_of_the_filler_is_its_own_and_leaves_nothing(target):
    def fail(folder: Path) -> None:
        (folder / "part").write_bytes(b"half")
        raise KeyboardInterrupt

    publish(target, 1)
    with pytest.raises(KeyboardInterrupt):
        publish_folder(target, fail, info={})
    assert names(target.parent) == {"last"}
    assert published_step(target) == 1


@pytest.mark.parametrize("fault", ["folder deleted", "folder is a file", "target is a file"])
def test_a_publication_never_succeeds_without_its_files(target, fault):
    if fault != "target is a file":
        target.parent.rmdir()
    if fault != "folder deleted":
        (target if fault == "target is a file" else target.parent).write_text("in the way")
    before = sorted(target.parent.parent.rglob("*"))
    with pytest.raises(RunError, match="RUN-IO"):
        publish(target, 1)
    assert sorted(target.parent.parent.rglob("*")) == before


def test_a_disk_that_returns_other_bytes_than_it_was_given_is_found_out(target, monkeypatch):
    publish(target, 1)
    honest = os.fsync

    def forget(descriptor: int) -> None:
        honest(descriptor)
        if (target.with_name("last.new") / "manifest.json").exists():
            os.truncate(target.with_name("last.new") / "weights", 100)

    monkeypatch.setattr(os, "fsync", forget)
    with pytest.raises(RunError, match=r"CKPT-BAD.*weights: size"):
        publish(target, 2)
    assert published_step(target) == 1


def test_a_fresh_copy_takes_the_place_of_a_damaged_one(target):
    publish(target, 1)
    (target / "weights").unlink()
    publish(target, 2)
    assert published_step(target) == 2


FAULTS = st.sampled_from(["none", "kill", "cut power", "fail", "recover"])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.tuples(FAULTS, st.integers(0, 60)), max_size=12))
def test_any_sequence_of_publications_and_faults_keeps_a_whole_copy(faulty_disk, died, sequence):
    with faulty_disk() as disk:
        target, current = disk.root / "last", 0
        publish(target, 0)
        for step, (fault, call) in enumerate(sequence, start=1):
            disk.heal()
            if fault == "recover":
                assert recover_published(target).info["step"] == current
                continue
            disk.dies_after = call if fault in {"kill", "cut power"} else float("inf")
            disk.fails_at = call if fault == "fail" else float("inf")
            expected = {current, step}
            with suppress(died, RunError):
                publish(target, step)
                expected = {step}
            disk.dies_after = float("inf")
            if fault == "cut power":
                disk.cut_power(random.Random(call))
            current = published_step(target)
            assert current in expected


PUBLISHER = """
import itertools, sys
from pathlib import Path
from loratory.runs.published import publish_folder

target, first = Path(sys.argv[1]), int(sys.argv[2])
for step in itertools.count(first):
    def fill(folder):
        (folder / "step").write_text(str(step) * 200_000)
    publish_folder(target, fill, info={"step": step})
    print(step, flush=True)
"""


def test_killed_processes_leave_a_copy_as_new_as_the_last_one_they_announced(tmp_path):
    target, step, rng = tmp_path / "last", 0, random.Random(0)
    for _ in range(12):
        command = [sys.executable, "-c", PUBLISHER, str(target), str(step + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            first = process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
            announced = int((first + process.stdout.read()).split()[-1])
        found = open_published(target)
        step = found.info["step"]
        assert step in {announced, announced + 1}
        assert (found.path / "step").read_text() == str(step) * 200_000
