"""The budget of malformed rows."""

import pytest

from loratory.data.bad_rows import BadRows
from loratory.errors import DataError


def faults(*lines):
    return [
        DataError("DATA-TEXT", "empty text", at=f"train.csv:{line}", got="''", fix="fill it in")
        for line in lines
    ]


def test_as_many_as_the_budget_are_left_out_over_all_sources():
    bad = BadRows(3)
    bad.leave_out(faults(2, 9))
    bad.leave_out([])
    bad.leave_out(faults(4))
    with pytest.raises(DataError) as caught:
        bad.leave_out(faults(5, 6))
    assert caught.value.at == "train.csv:2"
    assert "empty text (and 4 more malformed rows)" in caught.value.problem
    assert "data.max_bad_rows=5" in caught.value.fix


def test_a_single_fault_is_the_error_itself():
    (fault,) = faults(2)
    with pytest.raises(DataError) as caught:
        BadRows(0).leave_out([fault])
    assert caught.value is fault
