"""Holm's correction: many tests at once, with a chance of 5 % in all to claim a false difference.

The p-values are put in order; of m, the smallest is multiplied by m, the next by m - 1, and so on,
and none becomes smaller than one before it. It assumes nothing about how the tests depend on each
other, as those of pairs of the same runs do. Holm 1979, Scandinavian Journal of Statistics 6(2).
"""

from collections.abc import Sequence

import numpy as np


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """Return each p-value as it counts beside the others, in the order given."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    times = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * times), 1.0)
    return [float(value) for value in adjusted]
