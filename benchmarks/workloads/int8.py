"""The frozen base in 8-bit integers: training beside our own float32, prediction beside the peer.

Rounding shows: what the sides compute of the first rows may differ, but not by much.
"""

from dataclasses import replace

from benchmarks.workload import Side
from benchmarks.workloads.classification import CLASSIFICATION
from benchmarks.workloads.prediction import PREDICTION

_INT8 = ("training.precision=int8",)
_ROUNDING = 0.05

CLASSIFICATION_INT8 = replace(
    CLASSIFICATION,
    name="classification_int8",
    peer="Loratory, float32",
    ours=Side("train", _INT8),
    theirs=CLASSIFICATION.ours,
    beside={},
    wanted="1.4 x",
    tolerance=_ROUNDING,
)

PREDICTION_INT8 = replace(
    PREDICTION,
    name="prediction_int8",
    ours=Side("predict", _INT8),
    beside={},
    wanted="5 x, agreement 0.99",
    tolerance=_ROUNDING,
)
