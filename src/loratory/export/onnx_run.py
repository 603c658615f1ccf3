"""A run as one ONNX file, in float32 or in int8.

Compared is what onnxruntime makes of the file: in float32 by logits, in int8 by predictions.
"""

import tempfile
from pathlib import Path
from typing import Any, Literal

from torch import nn

from loratory.errors import ConfigError
from loratory.export.certificate import (
    Checked,
    Difference,
    difference,
    head_of,
    logits,
    require_same_tokens,
    scores_apart,
)
from loratory.export.graph import stock_graph
from loratory.export.growing_graph import write_growing_graph
from loratory.export.merge import Merged, checked_rows
from loratory.export.onnx_graph import write_graph
from loratory.export.onnx_int8 import round_graph
from loratory.export.parity import not_the_same, require_near, told
from loratory.export.recurrent_graph import write_recurrent_graph
from loratory.export.single_file import Format, open_source, publish_file
from loratory.export.written import written_apart
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned
from loratory.models.load import Base
from loratory.models.onnx_file import require_onnx
from loratory.models.onnx_network import FILE
from loratory.models.recurrent import Recurrent
from loratory.recipe.schema import LabelWordsTask

OnnxKind = Literal["onnx", "onnx-int8"]
TOLERANCE = 1e-4
LEAST_AGREEMENT = 0.97
LEAST_ROWS = 100
"""To judge predictions by, where the run has so many: fewer show next to nothing."""
AGREEMENT_IS = "the share of predictions that may be others"
_IN_INT8 = {
    "precision": "int8",
    "tolerance": round(1 - LEAST_AGREEMENT, 6),
    "tolerance_is": AGREEMENT_IS,
}
# Protobuf counts a message's bytes in 31 bits.
_MOST_BYTES = 2**31 - 2**20


def export_onnx(
    run: Path, out: Path, *, kind: OnnxKind, rows: int, file: Path | None = None
) -> Merged:
    """Write the run's model to `out` as one file that onnxruntime computes, with its tokenizer.

    It is compared on `rows` of the run's validation rows (test or training rows where there are
    none), or of a `file` like them: in float32 by its logits, in int8 by its predictions.

    Raises:
        ConfigError: the method cannot be merged (CFG-MERGE), the task or the base cannot be
            exported so (CFG-EXPORT), a package is not installed (CFG-EXTRA), or there are more
            than the `rows` that int8 is to be judged by, which are too few (CFG-RANGE).
        NumericsError: NUM-EXPORT, it differs by more than the tolerance; nothing was written.
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
        DataError, ResourceError: there are no rows to compare on, or no room on the disk.
    """
    require_onnx()
    source = open_source(run, out)
    tuned = source.tuned
    if source.bytes > _MOST_BYTES:
        problem = f"its weights take {source.bytes:,} bytes, and one file may have {_MOST_BYTES:,}"
        raise _not_exported(problem, run)
    if kind == "onnx-int8":
        checked = _enough_rows(tuned, run, file, rows)
    else:
        checked = checked_rows(tuned, run, file, rows)

    def write(folder: Path) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            whole = Path(place) / FILE
            _write_graph(tuned, source.plain, whole, run)
            if kind == "onnx":
                whole.rename(folder / FILE)
            else:
                round_graph(whole, folder / FILE)
        return {}

    graph = Format(
        "onnx",
        FILE,
        write,
        lambda folder: _compared(tuned, folder, checked, kind, at=str(out)),
        versions=_runtime_versions(),
        opened_with={"precision": kind},
    )
    return publish_file(source, checked, graph)


def _enough_rows(tuned: Tuned, run: Path, file: Path | None, rows: int) -> Checked:
    """Return the rows by which predictions in int8 are judged; refuse few where there are more."""
    checked = checked_rows(tuned, run, file, max(rows, LEAST_ROWS))
    if rows < (there := len(checked.rows)):
        raise ConfigError(
            "CFG-RANGE",
            f"so few rows do not show that {LEAST_AGREEMENT:.0%} of the predictions are equal",
            at="command line: --rows",
            got=rows,
            expected=f"at least {there}",
            fix=f"set --rows to at least {there}, or leave it out",
        )
    return checked


def _writes(tuned: Tuned) -> bool:
    """Tell whether the model is there to write."""
    return head_of(tuned) is None and not isinstance(tuned.recipe.task, LabelWordsTask)


def _not_exported(why: str, run: Path) -> ConfigError:
    return ConfigError(
        "CFG-EXPORT",
        f"the run cannot be exported to ONNX: {why}",
        at=str(run),
        fix=f"use the run as it is, or loratory export {run} --to transformers --out DIR",
    )


def _write_graph(tuned: Tuned, plain: Base, path: Path, run: Path) -> None:
    """Write the merged network, as transformers has it or a recurrent one, as an ONNX file."""
    head, network = head_of(tuned), plain.network
    own = network.get_submodule(network.prefix)
    if isinstance(own, Recurrent) and head is not None:
        layer = network.get_submodule(head)
        assert isinstance(layer, nn.Linear)
        write_recurrent_graph(own, layer, path)
        return
    graph = stock_graph(plain, head, path.parent)
    if isinstance(graph, str):
        raise _not_exported(graph, run)
    if _writes(tuned) and network.keeps_past:
        write_growing_graph(graph.backbone, graph.head, path, positions=plain.positions)
    else:
        write_graph(graph, path, positions=plain.positions)


def _compared(
    tuned: Tuned, folder: Path, checked: Checked, kind: OnnxKind, *, at: str
) -> dict[str, Any]:
    """Return what the certificate says once the folder is opened again and asked the same.

    Raises:
        NumericsError: NUM-EXPORT.
    """
    shipped, head = open_model(folder), head_of(tuned)
    require_same_tokens(shipped, checked, at=str(tuned.base.source.folder))
    most = tuned.compute.tokens_at_once
    ours, theirs = (
        logits(each.base.network, head, checked.pieces, tokens_at_once=most)
        for each in (tuned, shipped)
    )
    apart = difference(zip(ours, theirs, strict=True))
    before, after = (each.evaluate(checked.rows, checked.encoding) for each in (tuned, shipped))
    scores = scores_apart(tuned, before, after)
    if _writes(tuned):  # of what is written one other word changes all that follow
        same = apart.alike / apart.positions
    else:
        same = 1 - scores["changed_predictions"] / len(checked.rows)
    parts = {} if kind == "onnx" else _IN_INT8
    found = told(apart, checked, TOLERANCE) | parts | {"equal_predictions": same}
    _require(apart, same, kind, at=at)
    if _writes(tuned):
        along = written_apart(tuned, shipped, checked)
        _require(along.difference, same, kind, at=at)
        found["written"] = along.described()
    return found | scores


def _require(apart: Difference, same: float, kind: OnnxKind, *, at: str) -> None:
    """Refuse a file that does not compute what the run does, as near as its numbers allow."""
    match kind:
        case "onnx":
            require_near(apart, TOLERANCE, reader="onnxruntime", at=at)
        case "onnx-int8":
            if not (same >= LEAST_AGREEMENT and apart.greatest < float("inf")):
                raise not_the_same(
                    "onnxruntime",
                    at=at,
                    got=f"{same:.1%} equal predictions",
                    expected=f"at least {LEAST_AGREEMENT:.0%}",
                    fix="export it with --to onnx, or compare on more rows (--rows)",
                )


def _runtime_versions() -> dict[str, str]:
    import onnx
    import onnxruntime

    return {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
