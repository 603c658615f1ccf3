"""Holm's correction: by hand, and the share of false claims over many families of tests."""

import numpy as np
import pytest

from loratory.metrics.holm import holm_adjusted


def test_the_smallest_is_multiplied_by_all_and_none_falls_below_one_before():
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(("given", "expected"), [([], []), ([0.5], [0.5]), ([0.9, 0.8], [1, 1])])
def test_few_and_large_values(given, expected):
    assert holm_adjusted(given) == expected


def test_rejections_are_those_of_the_step_down_procedure():
    generator = np.random.default_rng(0)
    for _ in range(200):
        values = generator.beta(0.3, 4, size=8)
        # As Holm writes it: go on from the smallest as long as p is at most 0.05 / (m - place).
        rejected, order = set(), np.argsort(values)
        for place, number in enumerate(order):
            if values[number] > 0.05 / (8 - place):
                break
            rejected.add(int(number))
        assert {n for n, p in enumerate(holm_adjusted(values)) if p <= 0.05} == rejected
