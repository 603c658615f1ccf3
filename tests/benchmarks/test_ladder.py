"""What the benchmark says of a ladder."""

from benchmarks.ladder import tables, verdicts
from loratory.runs.json_files import write_json


def ladder(*, lost, gained, p_value=0.01):
    cost = {"bytes": 2_500_000, "latency_ms": 3.0, "rows_per_second": 40.0, "missing": None}
    float32 = {"name": "tuned, float32", "value": 0.82, "interval": [0.8, 0.84], **cost}
    apart = {"difference": -lost, "difference_interval": [-lost, 0.0], "p_value": 0.25}
    int8 = {**float32, "name": "int8, trained for it", **apart}
    missing = {"name": "int4, trained for it", "missing": "no run was given"}
    pair = {
        "a": int8["name"],
        "b": "int8, after training",
        "difference": gained,
        "p_value": p_value,
    }
    return {
        "name": "words",
        "base": "/models/small",
        "metric": "accuracy",
        "trained_on": 600,
        "rows": 1200,
        "split": "test",
        "environment": {"processor": "a processor", "threads_used": 2},
        "rungs": [float32, int8, missing],
        "pairs": [pair],
    }


def test_it_says_whether_enough_is_kept():
    (good,) = verdicts(ladder(lost=0.004, gained=0.001))
    (bad,) = verdicts(ladder(lost=0.006, gained=-0.001))
    (alike,) = verdicts(ladder(lost=0.004, gained=-0.001, p_value=0.5))
    assert ": within 0.005 of float32" in good
    assert "better than the same after training" in good
    assert ": NOT within 0.005 of float32" in bad
    assert "WORSE than" in bad
    assert "not to be told from" in alike


def test_the_table_has_every_rung_that_was_measured(tmp_path):
    write_json(tmp_path / "words.json", ladder(lost=0.004, gained=0.001))
    page = tables(tmp_path)
    assert "small, 600 training rows, scored on 1,200 test rows; a processor, 2 thread(s)." in page
    assert "| tuned, float32 | 0.8200 [0.8000, 0.8400] |  |  | 2.5 | 3.0 | 40.0 |" in page
    assert "| int8, trained for it | 0.8200 [0.8000, 0.8400] | -0.0040 [-0.0040, +0.0000] |" in page
    assert "| int4" not in page


def test_ends_that_one_row_leaves_open_are_called_unknown(tmp_path):
    found = ladder(lost=0.004, gained=0.001)
    found["rungs"][1] |= {"interval": [0.0, None], "difference_interval": [None, None]}
    write_json(tmp_path / "words.json", found)
    assert "0.8200 [0.0000, unknown] | -0.0040 [unknown, unknown] |" in tables(tmp_path)
