"""McNemar's exact test: SciPy's binomial test, and a table from a textbook."""

import numpy as np
import pytest
from scipy.stats import binomtest

from loratory.metrics.mcnemar import mcnemar_p_value


def outcomes(both, only_first, only_second, neither):
    first = [1.0] * both + [1.0] * only_first + [0.0] * only_second + [0.0] * neither
    second = [1.0] * both + [0.0] * only_first + [1.0] * only_second + [0.0] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(
    ("b", "c"), [(1, 0), (3, 9), (9, 3), (10, 10), (59, 6), (0, 40), (700, 600)]
)
def test_it_is_the_binomial_test_of_the_rows_that_differ(b, c):
    expected = binomtest(b, b + c, 0.5).pvalue
    assert mcnemar_p_value(*outcomes(20, b, c, 7)) == pytest.approx(expected, rel=1e-9)


def test_rows_that_both_have_right_or_wrong_change_nothing():
    few, many = outcomes(0, 4, 12, 0), outcomes(500, 4, 12, 300)
    assert mcnemar_p_value(*few) == mcnemar_p_value(*many)


def test_runs_that_say_the_same_do_not_differ():
    assert mcnemar_p_value(*outcomes(30, 0, 0, 10)) == 1.0
