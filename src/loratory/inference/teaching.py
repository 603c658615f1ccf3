"""What a run learns from its teacher: asked once over all training rows, and kept in its folder.

    training rows + texts without labels ─► teacher ─► log p of each class ─► RUN/teacher ─► rows

`RUN/teacher` is called by a digest of the teacher, the rows and the classes; a run that goes on
reads it back, and needs its teacher no more. The user's cache has it too, for other runs of the
same rows.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from loratory.data.extra import altered_rows, extra_rows
from loratory.data.rows import Row
from loratory.errors import LoratoryError, RunError, RunInterruptedError, reworded
from loratory.inference.reading import readable
from loratory.inference.result import RunInput
from loratory.inference.teacher import Reading, Teacher, known_teacher, open_teacher
from loratory.inference.teacher_answers import answers_digest, ask
from loratory.inference.tuned import Tuned
from loratory.recipe.schema import Recipe
from loratory.runs.folder import RunFolder
from loratory.runs.published import Published, publish_folder, recover_published
from loratory.tasks.distilled import NO_LABEL, Distilled, with_teacher
from loratory.tasks.task import Objective, Teachable
from loratory.train.fit import Tell

_FILE, _TENSOR = "log_probabilities.safetensors", "log_probabilities"


def with_extra(tuned: Tuned, given: RunInput, folder: RunFolder | None = None) -> RunInput:
    """Return a run's input with its teacher, checked, and with the texts that have no label.

    `folder` is that of a run that goes on.

    Raises:
        ConfigError, RunError, ModelError, SecurityError, ResourceError: as `open_teacher`, and
            `Teacher.reading`; of a run that goes on, its teacher is needed and gone (RUN-TEACHER).
        DataError: as `extra_rows`, or a text is too long for the student.
    """
    recipe, dataset = tuned.recipe, given.dataset
    section = recipe.distillation
    if section is None:
        return given
    texts, notes = extra_rows(dataset, section, recipe.data)
    made = altered_rows(dataset, section, seed=recipe.seed)
    altered = readable(tuned.task, made)
    labelled = dataset.rows("train")
    teacher, reading = _teacher(section.teacher, recipe, [*labelled, *texts], altered, folder)
    unread = {*reading.unread}
    extra = (*texts, *(row for row in altered if row.id not in unread))
    if left_out := len(texts) + len(made) - len(extra):
        notes = (*notes, f"altered copies left out that are too long to be read: {left_out}")
    assert isinstance(tuned.task, Teachable)
    encodings = {**given.encodings, "train": tuned.task.taught((*labelled, *extra))}
    return replace(
        given,
        dataset=replace(dataset, warnings=(*dataset.warnings, *notes, *reading.notes)),
        encodings=encodings,
        teacher=teacher,
        reading=reading,
        extra=extra,
    )


def with_teaching(
    tuned: Tuned, given: RunInput, folder: RunFolder, tell: Tell, stop_asked: Callable[[], bool]
) -> RunInput:
    """Return a run's input with what its teacher says of every row to learn from.

    Raises:
        RunError, ModelError: the teacher cannot be loaded.
        RunInterruptedError: it was asked to stop before the teacher had answered.
    """
    if given.teacher is None:
        return given
    before = time.perf_counter()
    digest = answers_digest(given.teacher, given.learned_rows)
    kept = _kept(folder.teacher)
    # What was kept of other rows is asked again.
    is_kept = kept is not None and kept.info["digest"] == digest
    if not is_kept:
        said = _asked(tuned, given, folder, tell, stop_asked)
        _keep(folder.teacher, digest, given, said)
    said = load_file(folder.teacher / _FILE)[_TENSOR]
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


def _asked(
    tuned: Tuned, given: RunInput, folder: RunFolder, tell: Tell, stop_asked: Callable[[], bool]
) -> Tensor:
    """Return log p of each class for each row, `[rows, classes]`, and tell how far it has got."""
    assert given.teacher is not None
    said = list[Tensor]()
    done, total = 0, len(given.learned_rows)
    tell("asking", rows=done, of=total)
    for answers in ask(given.teacher, given.learned_rows, tuned.compute):
        said.append(answers)
        done += len(answers)
        tell("asking", rows=done, of=total)
        if done < total and stop_asked():
            raise RunInterruptedError(
                "RUN-STOPPED",
                f"stopped as asked after the teacher's answers to {done} of {total} rows, which "
                "are kept",
                at=str(folder.path),
                fix=f"go on with `loratory train --resume {folder.path}`",
            )
    return torch.cat(said)


def objective(tuned: Tuned) -> Objective:
    """Return what training makes small: the task's loss, with a teacher its own beside it."""
    section = tuned.recipe.distillation
    if section is None:
        return tuned.task
    assert isinstance(tuned.task, Teachable)
    return Distilled(tuned.task, section)


def _teacher(
    name: str,
    recipe: Recipe,
    rows: Sequence[Row],
    altered: Sequence[Row],
    folder: RunFolder | None,
) -> tuple[Teacher, Reading]:
    """Return the teacher and how it reads the rows, as a run that goes on has kept it."""
    kept = None if folder is None else _kept(folder.teacher)
    if kept is not None and "teacher" in kept.info:
        reading = Reading(tuple(kept.info["notes"]), tuple(kept.info["unread"]))
        return known_teacher(name, recipe, kept.info["teacher"]), reading
    try:
        teacher = open_teacher(name, recipe)
        return teacher, teacher.reading(rows, altered)
    except LoratoryError as error:
        if folder is None:
            raise
        problem = "the run does not hold all that its teacher said, and cannot ask it"
        raise reworded(
            error,
            RunError,
            code="RUN-TEACHER",
            problem=f"{problem}: {error.problem}",
            fix=f"put the teacher back as it was at {name}, or start a new run",
        ) from None


def _kept(target: Path) -> Published | None:
    """Return what was kept; what is damaged is removed, to be asked again."""
    try:
        return recover_published(target)
    except RunError as error:
        if error.code != "CKPT-BAD":
            raise
        shutil.rmtree(target)
        return None


def _keep(target: Path, digest: str, given: RunInput, said: Tensor) -> None:
    """Keep what the teacher said, and what else a run that goes on would need it for."""
    assert given.teacher is not None

    def fill(folder: Path) -> None:
        save_file({_TENSOR: said}, folder / _FILE)

    info = {"digest": digest, "teacher": given.teacher.digest, **asdict(given.reading)}
    publish_folder(target, fill, info=info, expected_bytes=said.nbytes)
