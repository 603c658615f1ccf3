"""latest.json: workloads come together in it, of one machine; and the table."""

import json

from benchmarks.report import add_result, table

SIDE = {
    "rows_per_second": 12.5,
    "tokens_per_second": 1250.0,
    "share_of_limit": 0.625,
    "peak_memory_mb": 1500.0,
    "precision": "float32",
}
FOUND = {
    "throughput_ratio": 2.5,
    "throughput_ratio_spread": [2.25, 2.75],
    "memory_ratio": 0.5,
    "peer": "Trainer",
    "wanted": "2 x",
    "sides": {"Loratory": SIDE, "peer": SIDE, "Loratory, auto": {**SIDE, "throughput_ratio": 4.0}},
}


def test_workloads_are_added_and_replaced(tmp_path):
    add_result(tmp_path, "one", {"throughput_ratio": 1})
    add_result(tmp_path, "two", {"throughput_ratio": 2})
    add_result(tmp_path, "one", {"throughput_ratio": 3})
    latest = json.loads((tmp_path / "latest.json").read_text())
    assert latest["workloads"] == {"one": {"throughput_ratio": 3}, "two": {"throughput_ratio": 2}}


def test_numbers_of_another_machine_are_left_out(tmp_path):
    add_result(tmp_path, "one", {"throughput_ratio": 1})
    path = tmp_path / "latest.json"
    latest = json.loads(path.read_text())
    latest["machine"]["processor"] = "another"
    path.write_text(json.dumps(latest))
    add_result(tmp_path, "two", {"throughput_ratio": 2})
    assert json.loads(path.read_text())["workloads"].keys() == {"two"}


def test_the_table_shows_each_side():
    heading, ours, peer, auto = table({"words": FOUND}).splitlines()
    assert heading.split()[:2] == ["workload", "side"]
    numbers = "words Loratory: float32 12.5 1,250 0.62 1,500 2.50 (2.25 to 2.75) 0.50 2 x"
    assert " ".join(ours.split()) == numbers
    assert peer.split()[0] == "Trainer"
    assert auto.split()[-1] == "4.00"
