"""McNemar's exact test: of the rows that only one of two runs has right, is it half and half?

Rows that both have right, or both wrong, say nothing about which is better. If the two are equally
good each of the others is a fair coin, so their number has a binomial distribution. Exact also for
few rows, and a little careful: under equality it calls at most 5 % different, not just 5 %.

McNemar 1947, doi:10.1007/BF02295996; exact as in Fay 2010, doi:10.32614/RJ-2010-004.
"""

import numpy as np
from scipy.special import bdtr

from loratory.metrics.classification import Floats


def mcnemar_p_value(first: Floats, second: Floats) -> float:
    """Return the two-sided p-value of outcomes 0 or 1 of two runs on the same rows, `[rows]`."""
    only_first = int(np.count_nonzero(first > second))
    only_second = int(np.count_nonzero(second > first))
    differing = only_first + only_second
    if not differing:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), differing, 0.5)))
