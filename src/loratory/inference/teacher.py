"""A teacher: a finished run, or a base as it is, that tells the classes of a student's task."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from loratory.data.rows import Row
from loratory.errors import ConfigError, DataError, reworded
from loratory.inference.opened import export_kind
from loratory.inference.reading import readable, reading_task, task_of_run
from loratory.inference.tuned import Tuned, load_run, trained_adapter, untrained
from loratory.models.load import base_digest
from loratory.models.source import base_source
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import LabelWordsTask, NoMethod, Recipe, task_labels
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.runs.manifest import MANIFEST
from loratory.tasks.task import Task
from loratory.train.compute import Compute

_LEAST = torch.finfo(torch.float32).tiny  # a class that the teacher rules out stays finite


@dataclass(frozen=True)
class Reading:
    """How a teacher reads the texts of a run; kept beside what it says, for it may be gone then."""

    notes: tuple[str, ...] = ()
    """What a person should know of it."""

    unread: tuple[str, ...] = ()
    """Ids of the altered texts that it cannot read."""


@dataclass(frozen=True)
class Teacher:
    """A teacher that is there, whole, and has the student's classes; it is loaded when asked."""

    name: str
    labels: tuple[str, ...]
    """In the student's order."""

    digest: str
    """sha256 of all that its answers follow from."""

    load: Callable[[Compute], Tuned]
    """Loads it, to compute where the student does."""

    task: Callable[[], Task]
    """Makes its task without its weights, to read texts as it does."""

    def reading(self, rows: Sequence[Row], altered: Sequence[Row]) -> Reading:
        """Return how it reads the rows, and those of the altered texts that it can.

        Raises:
            ConfigError: it cannot read a row (CFG-TEACHER).
            RunError, ModelError, SecurityError, ResourceError: its base cannot be read.
        """
        task = self.task()
        read = readable(task, altered)
        try:
            encoding = task.encode([*rows, *read])
        except DataError as error:
            raise reworded(
                error,
                ConfigError,
                code="CFG-TEACHER",
                problem=f"the teacher cannot read {error.at}: {error.problem}",
                at="distillation.teacher",
                fix="shorten the text, or let the teacher cut it: name one that was tuned with "
                "task.too_long=truncate, or set that here where the teacher is a base",
            ) from None
        notes = [f"teacher: {note}" for note in encoding.notes]
        if encoding.truncated:
            notes.append(f"teacher: {encoding.truncated} texts were cut at its task.max_length")
        unread = {row.id for row in altered} - {row.id for row in read}
        return Reading(tuple(notes), tuple(sorted(unread)))

    def log_probabilities(self, rows: Sequence[Row], compute: Compute) -> torch.Tensor:
        """Return log p of each class for each row, `[rows, classes]`, in float32.

        The teacher computes in float32, whatever it was trained in.

        Raises:
            DataError: it cannot read a row.
        """
        lines = self.load(compute).predict_rows(rows)
        torch.set_num_threads(compute.threads)
        said = [[line.scores[label] for label in self.labels] for line in lines]
        return torch.tensor(said, dtype=torch.float32).clamp(min=_LEAST).log()


def open_teacher(name: str, recipe: Recipe) -> Teacher:
    """Return the teacher called `name` for the student that a completed recipe describes.

    Raises:
        ConfigError: it does not tell the student's classes (CFG-TEACHER).
        RunError: there is no such run, it has not finished, or it is damaged.
        ModelError, ResourceError, SecurityError: there is no such base.
    """
    folder = RunFolder(Path(name))
    labels = task_labels(recipe.task) or ()
    # A merged model is a base, too.
    if folder.is_run and export_kind(folder.path) != "transformers":
        return _run_as_teacher(folder, labels)
    if isinstance(recipe.task, LabelWordsTask):
        as_it_is = recipe.model_copy(
            update={
                "base": name,
                "method": NoMethod(),
                "quantization": None,
                "distillation": None,
            }
        )
        return Teacher(
            name,
            labels,
            _digest(base_digest(base_source(name).folder), _answers_follow_from(as_it_is)),
            lambda compute: untrained(_computing(as_it_is, compute)),
            lambda: reading_task(as_it_is),
        )
    if (folder.path / "config.json").is_file():
        raise ConfigError(
            "CFG-TEACHER",
            "a base as it is has no head for these classes",
            at="distillation.teacher",
            got=name,
            expected="the folder of a finished run of task classify or label_words",
            fix="tune the base first and name that run; with task label_words a base can teach",
        )
    RunFolder.open(folder.path)  # says what is wrong with it
    raise AssertionError(name)


def known_teacher(name: str, recipe: Recipe, digest: str) -> Teacher:
    """Return a teacher that has been asked before; it need not be there before it is asked more."""
    return Teacher(
        name,
        task_labels(recipe.task) or (),
        digest,
        lambda compute: open_teacher(name, recipe).load(compute),
        lambda: open_teacher(name, recipe).task(),
    )


def _run_as_teacher(folder: RunFolder, labels: Sequence[str]) -> Teacher:
    taught = load_recipe(folder.recipe)
    theirs = task_labels(taught.task)
    if theirs is None or {*theirs} != {*labels}:
        raise ConfigError(
            "CFG-TEACHER",
            "the teacher does not tell the student's classes",
            at="distillation.teacher",
            got=f"task {taught.task.kind}" + (f" of {', '.join(theirs)}" if theirs else ""),
            expected=f"a run that tells {', '.join(labels)}",
            fix="name a run with these labels, or set task.labels to the teacher's",
        )
    adapter = trained_adapter(folder)
    # What is shown before prompts and chosen after training is in no adapter.
    beside = [path for path in (folder.shown, folder.settled) if path.is_file()]
    digest = _digest(
        *(path.read_text(encoding="utf-8") for path in (adapter.path / MANIFEST, *beside)),
        read_json(folder.environment)["digests"]["base"],
        _answers_follow_from(taught),
    )
    return Teacher(
        str(folder.path.resolve()),
        tuple(labels),
        digest,
        lambda compute: load_run(folder.path, overrides=_as_student(compute)),
        lambda: task_of_run(folder),
    )


def _as_student(compute: Compute) -> dict[str, object]:
    return {
        "training.device": compute.device.type,
        "training.threads": compute.threads,
        "training.precision": "float32",
    }


def _computing(recipe: Recipe, compute: Compute) -> Recipe:
    settings = {key.partition(".")[2]: value for key, value in _as_student(compute).items()}
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=settings)})


def _answers_follow_from(recipe: Recipe) -> str:
    return recipe.model_dump_json(include={"task", "method", "quantization"})


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
