"""Processes: one that ends before it has answered is told of, with what it printed."""

import pytest

from benchmarks.processes import process
from benchmarks.workload import Side
from loratory.errors import RunError


def test_a_side_that_fails_says_why(tmp_path):
    with (
        process(Side("nobody")) as ask,
        pytest.raises(RunError, match=r"BENCH-SIDE(.|\n)*No module named benchmarks.sides.nobody"),
    ):
        ask("check", tmp_path)
