"""Which rows belong together, and metrics that are means over some of the rows."""

import numpy as np
import pytest

from loratory.metrics.parts import Part, clusters_of, part_sums
from loratory.metrics.predictions import Prediction


def test_lines_of_a_group_are_one_cluster_and_others_are_their_own():
    groups = ["b", None, "a", "b", None, "a"]
    lines = [Prediction(str(n), "", None, "", {}, group) for n, group in enumerate(groups)]
    assert clusters_of(lines).tolist() == [0, 1, 2, 0, 3, 2]


def test_a_group_that_is_called_as_a_line_is_not_that_line():
    lines = [Prediction("a", "", None, "", {}), Prediction("b", "", None, "", {}, "a")]
    assert clusters_of(lines).tolist() == [0, 1]


def test_a_mean_is_over_the_rows_that_it_is_of():
    some = np.array([True, False, True])
    (found,) = part_sums([Part(some, {"share": np.array([1.0, 0.5])})]).values()
    assert found.value == pytest.approx(0.75)
    assert found.metric(found.columns[1]) == 0
