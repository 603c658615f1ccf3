"""The Pareto front: a point leaves it only for one that is better beyond chance and no dearer."""

import pytest

from loratory.metrics.pareto import on_front


@pytest.mark.parametrize(
    ("costs", "better", "expected"),
    [
        ([1, 2], {(0, 1)}, [True, False]),
        ([2, 2], {(0, 1)}, [True, False]),
        ([3, 2], {(0, 1)}, [True, True]),
        ([1, 2], set(), [True, True]),
        ([1, 2, 3], {(0, 2)}, [True, True, False]),
        ([5, 1, 3], {(0, 1), (0, 2), (1, 2)}, [True, True, False]),
    ],
)
def test_the_front(costs, better, expected):
    assert on_front(costs, better) == expected
