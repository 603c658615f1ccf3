"""A run as one ExecuTorch program, if its runtime computes with it what the run does.

    run ─► float32 ─► fold ─► program ─► folder ─► read back, compared ─► published

Compared are logits, as the runtime makes them of the program on the disk.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import nn

from loratory.errors import ConfigError
from loratory.export.certificate import (
    Checked,
    difference,
    head_of,
    logits,
    require_same_tokens,
    scores_apart,
)
from loratory.export.executorch_graph import write_program
from loratory.export.graph import stock_graph
from loratory.export.merge import (
    CERTIFICATE,
    Merged,
    checked_rows,
    folded,
    reference,
    refuse_rounded,
    require_free,
)
from loratory.export.parity import require_near, told
from loratory.export.reading import save_reading
from loratory.export.recurrent_steps import RecurrentText
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned, load_run
from loratory.methods.transformers_folder import save_config
from loratory.models.executorch_file import require_executorch
from loratory.models.executorch_network import FILE
from loratory.models.load import Base
from loratory.models.onnx_file import file_sha256
from loratory.models.recurrent import Recurrent
from loratory.recipe.schema import ClassifyTask, LabelWordsTask, SpanQATask, TextTask
from loratory.runs.atomic import disk_errors
from loratory.runs.json_files import json_text, parse_json, write_json
from loratory.runs.published import publish_folder

TOLERANCE = 1e-4
LONGEST = 1024
"""Tokens of the longest text, where the recipe does not say: room is set aside for it."""

_FLOAT_BYTES = 4


def export_executorch(run: Path, out: Path, *, rows: int, file: Path | None = None) -> Merged:
    """Write the run's model to `out` as one program for ExecuTorch, with its tokenizer.

    It is compared on `rows` of the run's validation rows (test or training rows where there are
    none), or of a `file` like them.

    Raises:
        ConfigError: the method cannot be merged (CFG-MERGE), the task, the base or the length of
            its texts cannot be exported so (CFG-EXPORT), a package is not installed (CFG-EXTRA).
        NumericsError: NUM-EXPORT, it differs by more than the tolerance; nothing was written.
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
        DataError, ResourceError: there are no rows to compare on, or no room on the disk.
    """
    require_executorch()
    target = out.resolve()
    require_free(target)
    tuned = load_run(run, overrides={"training.precision": "float32", "training.device": "cpu"})
    refuse_rounded(tuned, run)
    longest = _longest(tuned, run)
    plain = folded(tuned)
    size = sum(parameter.numel() for parameter in plain.network.parameters()) * _FLOAT_BYTES
    checked = checked_rows(tuned, file, rows)
    if (most := max(map(len, checked.pieces))) > longest:
        raise _not_exported(f"it reads texts of {most:,} tokens, and a program {longest:,}", run)
    certificate: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        network = _network(tuned, plain, folder, run)
        program = write_program(network, folder / FILE, longest=longest)
        save_config(plain, plain.network.config, folder)
        digest, written = file_sha256(folder / FILE), (folder / FILE).stat().st_size
        save_reading(tuned.recipe, run, folder, kind="executorch", sha256=digest)
        certificate.update(reference(tuned, run))
        certificate["versions"]["executorch"] = version("executorch")
        certificate.update(_compared(tuned, folder, checked, at=str(out)))
        certificate.update({"longest_text": longest, "working_bytes": program.working_bytes})
        certificate.update(
            {"bytes": written, "float32_bytes": size, "share_of_float32": written / size}
        )
        certificate.update(parse_json(json_text(certificate)))
        write_json(folder / CERTIFICATE, certificate)

    with disk_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
    publish_folder(target, fill, info={"kind": "executorch"}, expected_bytes=2 * size)
    return Merged(out, certificate, checked.encoding.notes)


def _longest(tuned: Tuned, run: Path) -> int:
    """Return the tokens of the longest text; refuse tasks that write (CFG-EXPORT)."""
    task = tuned.recipe.task
    match task:
        case ClassifyTask() | LabelWordsTask() | SpanQATask() | TextTask():
            return task.max_length or min(tuned.base.positions, LONGEST)
        case _:
            what = f"a model of task {task.kind} writes, and the program keeps no past"
            raise _not_exported(what, run)


def _network(tuned: Tuned, plain: Base, folder: Path, run: Path) -> nn.Module:
    """Return the merged network with its head, from tokens to scores."""
    head, network = head_of(tuned), plain.network
    own = network.get_submodule(network.prefix)
    if isinstance(own, Recurrent) and head is not None:
        network.requires_grad_(requires_grad=False)
        return RecurrentText(own, network.get_submodule(head))
    graph = stock_graph(plain, head, folder)
    if isinstance(graph, str):
        raise _not_exported(graph, run)
    return graph


def _not_exported(why: str, run: Path) -> ConfigError:
    return ConfigError(
        "CFG-EXPORT",
        f"the run cannot be exported to ExecuTorch: {why}",
        at=str(run),
        fix=f"use the run as it is, or loratory export {run} --to onnx --out DIR",
    )


def _compared(tuned: Tuned, folder: Path, checked: Checked, *, at: str) -> dict[str, Any]:
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
    require_near(apart, TOLERANCE, reader="ExecuTorch's runtime", at=at)
    before, after = (each.evaluate(checked.rows, checked.encoding) for each in (tuned, shipped))
    return {
        **told(apart, checked, TOLERANCE),
        **scores_apart(tuned.task.main_metric, before, after),
    }
