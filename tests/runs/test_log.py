"""The log: every finished line counts once, whatever happened between the lines."""

import json
import math
import os
import subprocess
import sys

import pytest

from loratory.errors import ResourceError, RunError
from loratory.runs.log import RunLog, read_events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.jsonl"


def write_attempt(path, event, *, first=0, steps=(), **values):
    """Write one attempt: how it began, at which step, and its steps."""
    with RunLog(path) as log:
        log.write(event, **({"step": first} if event == "resume" else {}), **values)
        for step in steps:
            log.write("step", step=step, **{"train/loss": 1 / step})


def steps(path):
    return [(e["attempt"], e["step"]) for e in read_events(path) if e["event"] == "step"]


def test_every_line_carries_event_time_and_attempt(path):
    with RunLog(path) as log:
        log.write("step", step=1, **{"train/loss": 0.5, "note": "ü\n\u2028"})
    (line,) = path.read_text().split("\n")[:-1]
    entry = json.loads(line)
    assert abs(entry.pop("time") - path.stat().st_mtime) < 5
    assert entry == {
        "event": "step",
        "attempt": 1,
        "step": 1,
        "train/loss": 0.5,
        "note": "ü\n\u2028",
    }
    assert read_events(path) == [json.loads(line)]


def test_numbers_that_are_not_finite_are_null(path):
    with RunLog(path) as log:
        log.write("step", step=1, loss=math.nan, norms=[math.inf, 2.0])
    (event,) = read_events(path)
    assert (event["loss"], event["norms"]) == (None, [None, 2.0])


def test_a_line_is_there_as_soon_as_it_is_written(path):
    with RunLog(path) as log:
        log.write("start")
        log.write("step", step=1)
        assert len(read_events(path)) == 2


def test_each_opening_is_one_more_attempt(path):
    write_attempt(path, "start")
    write_attempt(path, "resume", first=0)
    with RunLog(path) as log:
        assert log.attempt == 3


def test_steps_that_a_later_attempt_took_again_count_once(path):
    write_attempt(path, "start", steps=range(1, 6))
    write_attempt(path, "resume", first=3, steps=range(4, 9))
    assert steps(path) == [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6), (2, 7), (2, 8)]


def test_an_attempt_further_back_replaces_all_attempts_between(path):
    write_attempt(path, "start", steps=range(1, 6))
    write_attempt(path, "resume", first=4, steps=range(5, 8))
    write_attempt(path, "resume", first=2, steps=range(3, 5))
    write_attempt(path, "resume", first=4, steps=[5])
    assert steps(path) == [(1, 1), (1, 2), (3, 3), (3, 4), (4, 5)]


def test_a_run_that_starts_over_replaces_every_step(path):
    write_attempt(path, "start", steps=[1, 2])
    write_attempt(path, "start", steps=[1])
    assert steps(path) == [(2, 1)]


def test_a_run_that_starts_over_replaces_what_was_said_at_step_0_too(path):
    for _ in range(2):
        with RunLog(path) as log:
            log.write("start")
            log.write("evaluation", step=0)
    events = [(event["event"], event["attempt"]) for event in read_events(path)]
    assert events == [("start", 1), ("start", 2), ("evaluation", 2)]


def test_an_attempt_that_trains_nothing_replaces_nothing(path):
    write_attempt(path, "start", steps=[1, 2])
    write_attempt(path, "warning", message="the adapter is old")
    assert steps(path) == [(1, 1), (1, 2)]


def test_events_without_a_step_all_stay_in_order(path):
    write_attempt(path, "start", steps=[1])
    write_attempt(path, "resume", first=0, message="again")
    assert [event["event"] for event in read_events(path)] == ["start", "resume"]


def test_a_line_torn_at_any_byte_is_left_out_and_repaired(path):
    write_attempt(path, "start", steps=[1, 2], message="Zürich")
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    assert len(whole) - last > 50
    for size in range(last, len(whole)):
        path.write_bytes(whole[:size])
        assert steps(path) == [(1, 1)]
        with RunLog(path) as log:
            assert log.attempt == 2
            log.write("resume", step=1)
        assert path.read_bytes().startswith(whole[:last])
        assert [event["event"] for event in read_events(path)] == ["start", "step", "resume"]


def test_a_first_line_torn_at_any_byte_leaves_an_empty_log(path):
    write_attempt(path, "start")
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert read_events(path) == []


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[1]", b"{}", b'{"event": 1}', b"\xff", b'{"event": NaN}', bytes(40)]
)
def test_a_damaged_line_is_refused_by_its_number(path, line):
    write_attempt(path, "start", steps=[1, 2])
    lines = path.read_bytes().split(b"\n")
    lines[1] = line
    path.write_bytes(b"\n".join(lines))
    for use in (read_events, RunLog):
        with pytest.raises(RunError, match=f"RUN-LOG.*at {path}:2") as caught:
            use(path)
        assert caught.value.exit_code == 4


def test_a_missing_log_is_an_error(path):
    with pytest.raises(RunError, match=f"RUN-LOG.*missing, at {path}"):
        read_events(path)


def test_a_full_disk_leaves_only_whole_lines(target, disk):
    with RunLog(target) as log:
        log.write("start")
        for room in range(60):
            disk.room = room
            with pytest.raises(ResourceError, match="RES-DISK"):
                log.write("step", step=1, message="x" * 60)
        disk.heal()
        log.write("step", step=1)
    assert [event["event"] for event in read_events(target)] == ["start", "step"]


WRITER = """
import sys
from pathlib import Path
from loratory.runs.log import RunLog

with RunLog(Path(sys.argv[1])) as log:
    first = 20 * (log.attempt - 1)
    log.write("resume", step=first)
    for step in range(first + 1, 10**9):
        log.write("step", step=step, message="x" * 200)
        if step == first + 20:
            print("go", flush=True)
"""


def test_twenty_killed_attempts_leave_every_step_once(path):
    for _ in range(20):
        command = [sys.executable, "-c", WRITER, os.fspath(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "go\n"
            process.kill()
    taken = [step for _, step in steps(path)]
    assert taken == list(range(1, len(taken) + 1))
    assert len(taken) >= 400
