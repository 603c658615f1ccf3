"""A run as one GGUF file for llama.cpp.

It is read back by transformers' reader of such files, which knows nothing but the file: llama.cpp
itself is no Python package that could be asked everywhere.
"""

from pathlib import Path
from typing import Any

import transformers

from loratory.errors import ConfigError, ModelError
from loratory.export.certificate import (
    TOLERANCE,
    Checked,
    difference,
    logits,
    require_same_tokens,
    scores_apart,
    stock_logits,
)
from loratory.export.gguf_file import why_no_gguf, write_gguf
from loratory.export.merge import Merged, checked_rows
from loratory.export.parity import require_near, told
from loratory.export.single_file import Format, open_source, publish_file
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned
from loratory.models.gguf_network import FILE, read_gguf, read_gguf_tokenizer
from loratory.models.load import Base
from loratory.tasks.make import reads_vocabulary
from loratory.tasks.tokens import beginning, token_ids

_BEGINS = "It begins every text with that token by itself, as the file tells it to."


def export_gguf(run: Path, out: Path, *, rows: int, file: Path | None = None) -> Merged:
    """Write the run's model to `out` as one file that llama.cpp computes, tokenizer and all.

    It is compared on `rows` of the run's validation rows (test or training rows where there are
    none), or of a `file` like them.

    Raises:
        ConfigError: the method cannot be merged (CFG-MERGE), the task or the base cannot be
            exported so (CFG-EXPORT).
        NumericsError: NUM-EXPORT, it differs by more than the tolerance; nothing was written.
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
        DataError, ResourceError: there are no rows to compare on, or no room on the disk.
    """
    source = open_source(run, out)
    tuned, plain = source.tuned, source.plain
    _refuse(tuned, plain, run)
    checked = checked_rows(tuned, run, file, rows)
    begin = beginning(plain.tokenizer, bos=tuned.recipe.task.bos)

    def write(folder: Path) -> dict[str, Any]:
        write_gguf(plain, folder / FILE, name=tuned.recipe.name or run.name, begin=begin)
        # What is compared is read back from the file, and needs the room.
        plain.network.to("meta")
        return {"llama_cpp": _BEGINS} if begin else {}

    written = Format(
        "gguf", FILE, write, lambda folder: _compared(tuned, folder, checked, at=str(out))
    )
    return publish_file(source, checked, written)


def _refuse(tuned: Tuned, plain: Base, run: Path) -> None:
    """Refuse what llama.cpp would not know what to do with (CFG-EXPORT)."""
    task = tuned.recipe.task
    if not reads_vocabulary(task):
        why, instead = f"a model of task {task.kind} has a head that llama.cpp lacks", "onnx"
    elif problem := why_no_gguf(plain):
        why, instead = problem, "transformers"
    else:
        return
    raise ConfigError(
        "CFG-EXPORT",
        f"the run cannot be exported to GGUF: {why}",
        at=str(run),
        fix=f"use the run as it is, or loratory export {run} --to {instead} --out DIR",
    )


def _compared(tuned: Tuned, folder: Path, checked: Checked, *, at: str) -> dict[str, Any]:
    """Return what the certificate says once the file is read back and asked the same.

    Raises:
        NumericsError: NUM-EXPORT.
        ModelError: MODEL-TOKENIZER.
    """
    shipped = open_model(folder, overrides={"training.device": "cpu"})
    stock = read_gguf(folder)
    require_same_tokens(shipped, checked, at=str(tuned.base.source.folder))
    _require_same_words(tuned, folder, checked, at=at)
    ours = logits(
        tuned.base.network, None, checked.pieces, tokens_at_once=tuned.compute.tokens_at_once
    )
    apart = difference(zip(ours, stock_logits(stock, None, checked.pieces), strict=True))
    require_near(apart, TOLERANCE, reader="transformers' reader of the file", at=at)
    before, after = (each.evaluate(checked.rows, checked.encoding) for each in (tuned, shipped))
    return {
        **told(apart, checked, TOLERANCE),
        "read_by": f"transformers {transformers.__version__}, {type(stock).__name__}",
        **scores_apart(tuned, before, after),
    }


def _require_same_words(tuned: Tuned, folder: Path, checked: Checked, *, at: str) -> None:
    """Refuse a file whose vocabulary and merges make other tokens of the rows (MODEL-TOKENIZER)."""
    ours, theirs = tuned.base.tokenizer, read_gguf_tokenizer(folder)
    # The reader splits every text as GPT-2 does; llama.cpp as the file says.
    theirs.backend_tokenizer.pre_tokenizer = ours.backend_tokenizer.pre_tokenizer
    rows = [[*piece.tokens] for piece in checked.pieces]
    texts = [str(ours.decode(row, skip_special_tokens=True)) for row in rows]
    if token_ids(theirs, texts) != token_ids(ours, texts):
        raise ModelError(
            "MODEL-TOKENIZER",
            "the tokenizer in the file makes other tokens of the rows; nothing was written",
            at=at,
            fix="use the run as it is, or export it to transformers",
        )
