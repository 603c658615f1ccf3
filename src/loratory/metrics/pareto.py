"""The Pareto front as far as the statistics settle it: what nothing cheaper is known to beat.

A point is off the front only if another costs no more and is better by a difference that is
significant. A point that merely has a lower value stays: rows that cannot tell two apart give no
reason to drop one.
"""

from collections.abc import Collection, Sequence


def on_front(costs: Sequence[float], better: Collection[tuple[int, int]]) -> list[bool]:
    """Say of each point whether it is on the front; `better` holds (better, worse) pairs."""
    beaten = {worse for point, worse in better if costs[point] <= costs[worse]}
    return [point not in beaten for point in range(len(costs))]
