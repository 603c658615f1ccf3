"""What a reference says of the rows of a run: read once, before the first update, and kept.

The reference is the base with the method off. Where the run starts from an adapter, or weights of
the base train, it is the network as training starts; of a run that is supervised tuning first, that
is the supervised model. It reads without dropout. `references.json` in the run's folder holds the
log-probabilities of each split's answers, and a digest of them and of all they follow from.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from loratory.batching.rows import EncodedRow, Encoding
from loratory.errors import RunError
from loratory.inference.result import RunInput
from loratory.inference.tuned import Tuned, untrained
from loratory.methods.method import without
from loratory.methods.trained import trained_digest
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import PeftMethod
from loratory.runs.folder import RunFolder
from loratory.runs.identity import require_same
from loratory.runs.json_files import read_json, write_json
from loratory.tasks.task import Referring
from loratory.train.fit import Tell

_IDLE_STEPS = 20
_ROUNDING = 1e-7  # of a log-probability, where the same rows are computed in other batches


def with_references(tuned: Tuned, given: RunInput, folder: RunFolder, tell: Tell) -> RunInput:
    """Return a run's rows with what the reference says of them: kept, or computed now and kept.

    `tuned` is as training starts.

    Raises:
        RunError: what was kept is of other rows, or of another start (RUN-MISMATCH).
    """
    if not (isinstance(tuned.task, Referring) and tuned.task.refers):
        return given
    made_of = _made_of(folder)
    if folder.references.is_file():
        kept = read_json(folder.references)
        encodings = {
            split: _as_kept(tuned.task, encoding, kept.get(split), made_of, at=folder)
            for split, encoding in given.encodings.items()
        }
        return replace(given, encodings=encodings)
    before = time.perf_counter()
    encodings = {split: read_by_reference(tuned, found) for split, found in given.encodings.items()}
    write_json(
        folder.references,
        {split: _kept(encoding, made_of) for split, encoding in encodings.items()},
    )
    rows = sum(len(encoding.rows) for encoding in encodings.values())
    tell("references", seconds=time.perf_counter() - before, rows=rows)
    return replace(given, encodings=encodings)


def referred_by_run(tuned: Tuned, folder: RunFolder, split: str, encoding: Encoding) -> Encoding:
    """Return rows with what a finished run's reference says: as kept of `split`, or by its start.

    Raises:
        RunError: the run's start is no longer what it was (RUN-MISMATCH).
        ModelError: its base, or the adapter that it began with, is not there any more.
    """
    if not (isinstance(tuned.task, Referring) and tuned.task.refers):
        return encoding
    made_of = _made_of(folder)
    kept = read_json(folder.references).get(split)
    if kept is not None and kept["rows"] == _rows_digest(encoding.rows):
        return _as_kept(tuned.task, encoding, kept, made_of, at=folder)
    precision = {"training.precision": read_json(folder.environment)["compute"]["precision"]}
    start = untrained(load_recipe(folder.recipe, precision))
    _require_same_start(start, folder)
    return read_by_reference(start, encoding)


def _require_same_start(start: Tuned, folder: RunFolder) -> None:
    now = {"base": start.base.digest}
    # What other runs start as is drawn, and not a part of their reference.
    if isinstance(start.recipe.method, PeftMethod):
        now["start"] = trained_digest(start.base.network)
    began = read_json(folder.environment)["digests"]
    require_same({name: began[name] for name in now}, now, at=str(folder.environment))


def told_of_idle_rewards(tell: Tell) -> Tell:
    """Return a `tell` that also warns where the rewards over a reference stay 0: nothing trains."""
    idle = 0

    def also(event: str, /, **values: Any) -> None:
        nonlocal idle
        tell(event, **values)
        if event != "step" or "train/rewards/margins" not in values:
            return
        rounding = _ROUNDING * abs(values["train/logps/chosen"])
        still = max(abs(values[f"train/rewards/{answer}"]) for answer in ("chosen", "rejected"))
        idle = idle + 1 if still <= rounding else _IDLE_STEPS + 1
        if idle == _IDLE_STEPS:
            what = f"the rewards of the last {idle} steps are all 0, so nothing trains"
            tell("warning", message=f"{what}: check training.learning_rate and the method")

    return also


def read_by_reference(start: Tuned, encoding: Encoding) -> Encoding:
    """Return rows with what the reference says of them; `start` is as training starts.

    Where the task has none, they are as they were.
    """
    if not (isinstance(start.task, Referring) and start.task.refers):
        return encoding
    own = (
        nullcontext()
        if isinstance(start.recipe.method, PeftMethod)
        else without(start.base.network)
    )
    with own:
        answers = start.answers(encoding)
    return start.task.referred(encoding, [output for (output,) in answers.outputs])


def _kept(encoding: Encoding, made_of: Sequence[str]) -> dict[str, Any]:
    values = [row.given for row in encoding.rows]
    rows = _rows_digest(encoding.rows)
    return {"digest": _digest([*made_of, rows], values), "rows": rows, "log_probabilities": values}


def _as_kept(
    task: Referring,
    encoding: Encoding,
    kept: Mapping[str, Any] | None,
    made_of: Sequence[str],
    *,
    at: RunFolder,
) -> Encoding:
    rows = _rows_digest(encoding.rows)
    values = kept["log_probabilities"] if kept else []
    if not kept or kept["digest"] != _digest([*made_of, rows], values):
        raise RunError(
            "RUN-MISMATCH",
            "the reference's log-probabilities are not those of these rows and this start",
            at=str(at.references),
            fix="put the file back as it was, or start a new run",
        )
    return task.referred(encoding, values)


def _made_of(folder: RunFolder) -> list[str]:
    """Return what the run's reference is made of, as its environment says."""
    environment = read_json(folder.environment)
    digests = environment["digests"]
    return [digests["base"], digests["start"], environment["compute"]["precision"]]


def _rows_digest(rows: Sequence[EncodedRow]) -> str:
    texts = [(text.tokens, text.positions) for row in rows for text in row.texts]
    return hashlib.sha256(repr(texts).encode()).hexdigest()


def _digest(made_of: Sequence[str], values: Sequence[Sequence[float]]) -> str:
    numbers = [[*row] for row in values]
    return hashlib.sha256(json.dumps([*made_of, numbers]).encode()).hexdigest()
