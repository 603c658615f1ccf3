"""One rung of the ladder: what a model says of rows, how large it is, and how long it takes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from loratory.export.certificate import Checked
from loratory.inference.tuned import Tuned
from loratory.metrics.predictions import Prediction

_ALONE = 20  # texts that are asked one by one


@dataclass(frozen=True)
class Rung:
    """A way to ship a model, measured; or why it is not."""

    name: str
    missing: str | None = None
    """What there is not, and what to do about it."""

    predictions: Sequence[Prediction] = ()
    cost: Mapping[str, float] = field(default_factory=dict)
    """bytes, latency_ms and rows_per_second."""

    certificate: Mapping[str, Any] | None = None
    """What was found when it was written, of whole numbers."""


def measured(name: str, tuned: Tuned, checked: Checked, *, size: int) -> Rung:
    """Ask the rows, all together and a few one by one; `size` is its bytes on disk."""
    count = min(_ALONE, len(checked.rows))
    some = [checked.rows[number * len(checked.rows) // count] for number in range(count)]
    tuned.answer(some)  # what is made ready at the first call is not counted
    before = time.perf_counter()
    found = tuned.evaluate(checked.rows, checked.encoding)
    together = time.perf_counter() - before
    alone = []
    for row in some:
        before = time.perf_counter()
        tuned.answer([row])
        alone.append(time.perf_counter() - before)
    cost = {
        "bytes": size,
        "latency_ms": 1000 * median(alone),
        "rows_per_second": len(checked.rows) / together,
    }
    return Rung(name, predictions=found.predictions, cost=cost)
