"""What a run can be exported to, each checked in its own runtime before it is written."""

from pathlib import Path
from typing import Literal, assert_never

from loratory.export.executorch_run import export_executorch
from loratory.export.gguf_run import export_gguf
from loratory.export.merge import ROWS, Merged, merge_run
from loratory.export.onnx_run import export_onnx
from loratory.export.peft_run import export_peft

ExportTo = Literal["peft", "transformers", "onnx", "onnx-int8", "executorch", "gguf"]


def export_run(
    run: Path, out: Path, *, to: ExportTo, rows: int = ROWS, file: Path | None = None
) -> Merged:
    """Write the run's model to `out` for others to load.

    It is compared on `rows` of the run's validation rows (test or training rows where there are
    none), or of a `file` like them.

    Raises:
        ConfigError: the run's method, task or base cannot become that (CFG-MERGE, CFG-EXPORT), or
            a package is not installed (CFG-EXTRA).
        NumericsError: what was written computes something else (NUM-EXPORT, NUM-MERGE).
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
        DataError, ResourceError: there are no rows to compare on, or no room on the disk.
    """
    match to:
        case "peft":
            return export_peft(run, out, rows=rows, file=file)
        case "transformers":
            return merge_run(run, out, rows=rows, file=file)
        case "onnx" | "onnx-int8":
            return export_onnx(run, out, kind=to, rows=rows, file=file)
        case "executorch":
            return export_executorch(run, out, rows=rows, file=file)
        case "gguf":
            return export_gguf(run, out, rows=rows, file=file)
        case _:
            assert_never(to)
