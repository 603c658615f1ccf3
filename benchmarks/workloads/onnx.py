"""The exported classifier: one ONNX file in int8, beside transformers' pipeline in float32.

Rounding shows: what the sides compute of the first rows may differ, but not by much.
"""

from dataclasses import replace
from pathlib import Path

from benchmarks.limit import Work
from benchmarks.sides.predict import RUN
from benchmarks.workload import Options
from benchmarks.workloads import prediction
from loratory.export.onnx_run import export_onnx

_TUNED = "tuned"
_COMPARED_ON = 4
_ROUNDING = 0.05


def prepare(folder: Path, options: Options) -> Work:
    """Prepare as for prediction; what is predicted with is then the run's ONNX file."""
    work = prediction.prepare(folder, options)
    (folder / RUN).rename(folder / _TUNED)
    export_onnx(folder / _TUNED, folder / RUN, kind="onnx-int8", rows=_COMPARED_ON)
    return work


PREDICTION_ONNX = replace(
    prediction.PREDICTION,
    name="prediction_onnx_int8",
    prepare=prepare,
    beside={},
    wanted="3 x",
    tolerance=_ROUNDING,
)
