"""A run as one ExecuTorch program, compared by the logits that its runtime makes on the disk."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, assert_never

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
from loratory.export.merge import Merged, checked_rows
from loratory.export.parity import require_near, told
from loratory.export.recurrent_steps import RecurrentText
from loratory.export.single_file import Format, open_source, publish_file
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned
from loratory.models.executorch_file import require_executorch
from loratory.models.executorch_network import FILE
from loratory.models.load import Base
from loratory.models.recurrent import Recurrent
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    PreferenceTask,
    SpanQATask,
    TextTask,
    WordProblemTask,
    WrittenQATask,
)

TOLERANCE = 1e-4
LONGEST = 1024
"""Tokens of the longest text, where the recipe does not say: room is set aside for it."""


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
    source = open_source(run, out)
    longest = _longest(source.tuned, run)
    checked = checked_rows(source.tuned, run, file, rows)
    if (most := max(map(len, checked.pieces))) > longest:
        raise _not_exported(f"it reads texts of {most:,} tokens, and a program {longest:,}", run)

    def write(folder: Path) -> dict[str, Any]:
        network = _network(source.tuned, source.plain, folder, run)
        program = write_program(network, folder / FILE, longest=longest)
        return {"longest_text": longest, "working_bytes": program.working_bytes}

    program = Format(
        "executorch",
        FILE,
        write,
        lambda folder: _compared(source.tuned, folder, checked, at=str(out)),
        versions={"executorch": version("executorch")},
    )
    return publish_file(source, checked, program)


def _longest(tuned: Tuned, run: Path) -> int:
    """Return the tokens of the longest text; refuse tasks that write (CFG-EXPORT)."""
    task = tuned.recipe.task
    match task:
        case ClassifyTask() | LabelWordsTask() | SpanQATask() | TextTask():
            return task.max_length or min(tuned.base.positions, LONGEST)
        case WrittenQATask() | WordProblemTask() | PreferenceTask():
            what = f"a model of task {task.kind} writes, and the program keeps no past"
            raise _not_exported(what, run)
        case _:
            assert_never(task)


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
        **scores_apart(tuned, before, after),
    }
