"""What a run learns from its teacher: asked once over all training rows, and kept in its folder.

    training rows + texts without labels ─► teacher ─► log p of each class ─► RUN/teacher ─► rows

`RUN/teacher` is called by a digest of the teacher, the rows and the classes; a run that goes on
reads it back. The user's cache has it too, for other runs of the same rows.
"""

import hashlib
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from loratory.batching.rows import one_each
from loratory.data.extra import extra_rows
from loratory.errors import RunError
from loratory.inference.kept_file import kept_file
from loratory.inference.result import RunInput
from loratory.inference.teacher import Teacher, open_teacher
from loratory.inference.tuned import Tuned
from loratory.runs.folder import RunFolder
from loratory.runs.published import publish_folder, recover_published
from loratory.tasks.distilled import NO_LABEL, Distilled, with_teacher
from loratory.tasks.task import Objective, Teachable
from loratory.train.compute import Compute
from loratory.train.fit import Tell

_FILE, _TENSOR = "log_probabilities.safetensors", "log_probabilities"


def with_extra(tuned: Tuned, given: RunInput) -> RunInput:
    """Return a run's input with its teacher, checked, and with the texts that have no label.

    Raises:
        ConfigError, RunError, ModelError, ResourceError: as `open_teacher`.
        DataError: as `extra_rows`, or a text is too long for the student.
    """
    recipe = tuned.recipe
    section = recipe.distillation
    if section is None:
        return given
    teacher = open_teacher(section.teacher, recipe)
    dataset = given.dataset
    extra, notes = extra_rows(dataset, section, recipe.data, seed=recipe.seed)
    dataset = replace(dataset, warnings=(*dataset.warnings, *notes))
    assert isinstance(tuned.task, Teachable)
    before = given.encodings["train"]
    learned = tuned.task.taught((*dataset.rows("train"), *extra))
    train = one_each(learned, truncated=before.truncated, notes=before.notes)
    encodings = {**given.encodings, "train": train}
    return replace(given, dataset=dataset, encodings=encodings, teacher=teacher, extra=extra)


def with_teaching(tuned: Tuned, given: RunInput, folder: RunFolder, tell: Tell) -> RunInput:
    """Return a run's input with what its teacher says of every row to learn from.

    Raises:
        RunError, ModelError, DataError: the teacher cannot be loaded, or cannot read a row.
    """
    if given.teacher is None:
        return given
    before = time.perf_counter()
    digest = _digest(given.teacher, given)
    said = _kept(folder.teacher, digest)
    is_kept = said is not None
    if said is None:
        said = _asked(given.teacher, given, digest, tuned.compute)
        _keep(folder.teacher, digest, said)
    own = [row.label for row in given.dataset.rows("train")]
    right = said[: len(own)].argmax(-1) == torch.tensor(own)
    tell(
        "teacher",
        teacher=given.teacher.name,
        rows=len(own),
        extra=len(given.extra),
        accuracy=float(right.float().mean()),
        read_back=is_kept,
        seconds=time.perf_counter() - before,
    )
    encoding = given.encodings["train"]
    labels = [*own, *[NO_LABEL] * len(given.extra)]
    rows = with_teacher(encoding.rows, labels, said.tolist())
    encodings = {**given.encodings, "train": replace(encoding, rows=tuple(rows))}
    return replace(given, encodings=encodings)


def objective(tuned: Tuned) -> Objective:
    """Return what training makes small: the task's loss, with a teacher its own beside it."""
    section = tuned.recipe.distillation
    if section is None:
        return tuned.task
    assert isinstance(tuned.task, Teachable)
    return Distilled(tuned.task, section)


def _digest(teacher: Teacher, given: RunInput) -> str:
    rows = [[row.text, row.label] for row in given.learned_rows]
    made_of = [teacher.digest, teacher.labels, rows]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _asked(teacher: Teacher, given: RunInput, digest: str, compute: Compute) -> Tensor:
    """Ask the teacher, or find what it said in a run of the same rows; `[rows, classes]`."""

    def fill(said: Tensor) -> None:
        said.copy_(teacher.log_probabilities(given.learned_rows, compute))

    shape = len(given.learned_rows), len(teacher.labels)
    return kept_file(digest, shape, torch.float32, fill).clone()


def _kept(target: Path, digest: str) -> Tensor | None:
    """Return what was kept; None where that is of other rows, or damaged: it is asked again."""
    try:
        found = recover_published(target)
    except RunError as error:
        if error.code != "CKPT-BAD":
            raise
        shutil.rmtree(target)
        return None
    if found is None or found.info["digest"] != digest:
        return None
    return load_file(found.path / _FILE)[_TENSOR]


def _keep(target: Path, digest: str, said: Tensor) -> None:
    def fill(folder: Path) -> None:
        save_file({_TENSOR: said}, folder / _FILE)

    publish_folder(target, fill, info={"digest": digest}, expected_bytes=said.nbytes)
