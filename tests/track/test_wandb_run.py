"""W&B's offline file, read record by record: what the log says, each number once.

Records lie in blocks of 32 KiB behind a header of 7 bytes, each piece with checksum, length and
kind, as in LevelDB's log format: github.com/google/leveldb, doc/log_format.md.
"""

import json
import struct
import time

import pytest

pytest.importorskip("wandb")
pytestmark = pytest.mark.filterwarnings("ignore")

BLOCK, HEADER, FULL, LAST = 32768, 7, 1, 4


def records(data):
    from wandb.proto.wandb_internal_pb2 import Record

    at, held = HEADER, b""
    while at + HEADER <= len(data):
        room = BLOCK - at % BLOCK
        if room < HEADER:
            at += room
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        held += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(held)
            held = b""
            yield record


def whole(path):
    """Return all records; W&B's own process writes the last of them after `finish` has returned."""
    for _ in range(300):
        found = [*records(path.read_bytes())]
        if found and found[-1].HasField("exit"):
            return found
        time.sleep(0.1)
    pytest.fail("W&B has not written its file to the end")


def read(folder):
    (path,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    history, summary, runs = {}, {}, []
    for record in whole(path):
        if record.HasField("run"):
            runs.append(record.run)
        for item in record.summary.update:
            summary[item.key or item.nested_key[0]] = json.loads(item.value_json)
        row = {
            item.key or "/".join(item.nested_key): json.loads(item.value_json)
            for item in record.history.item
        }
        for name, value in row.items():
            if not name.startswith("_"):
                key = (name, row.get("_step", record.history.step.num))
                assert key not in history, "a number stands there twice"
                history[key] = value
    return runs[-1], history, summary


def test_a_run_killed_twice_has_no_gap_and_no_double(mirrored):
    killed = mirrored("wandb")
    run, history, summary = read(killed.tracked)
    assert history == killed.numbers
    assert summary["result/accuracy"] == killed.numbers["test/accuracy", 12]
    assert (run.project, run.display_name) == ("loratory", killed.folder.path.name)
    assert run.run_group == "reviews"
    assert any(tag.startswith("base-") for tag in run.tags)
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["method"]["r"] == 4
