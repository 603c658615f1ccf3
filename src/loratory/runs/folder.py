"""The run folder: where each file of a run is, and how a folder begins and is found again."""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import Self

from loratory.errors import RunError
from loratory.runs.atomic import disk_errors, sync
from loratory.runs.lock import LOCK, owned, refuse_active

RUNS = Path("runs")
_FOLDERS = ("predictions", "plots")
_BEFORE_THE_RECIPE = {LOCK, *_FOLDERS, "environment.json", "shown.json"}
_BEFORE_THE_RECIPE |= {"environment.json.new", "shown.json.new", "recipe.yaml.new"}
_LONGEST_NAME = 64
# By the file that makes a folder what it is; that of a finished search holds a recipe, too.
_GOES_ON = {
    "search.yaml": "loratory search --resume",
    "sweep.yaml": "loratory sweep --resume",
    "recipe.yaml": "loratory train --resume",
}
_SIMILAR = 0.8  # every name shares most of its date


@dataclass(frozen=True)
class RunFolder:
    """A run's folder and the paths of its files, whether they exist yet or not."""

    path: Path

    @classmethod
    @contextmanager
    def begun(cls, name: str, *, out: Path | None = None, parent: Path = RUNS) -> Iterator[Self]:
        """Make and own the folder of a new run: `parent/NAME-YYYYMMDD-HHMMSS`, or `out` itself.

        What a kill left there of a run that had no recipe yet is taken over.

        Raises:
            RunError: RUN-EXISTS or RUN-LOCK, when `out` holds something else; RUN-IO.
        """
        where = parent if out is None else out
        with disk_errors(where):
            path = new_folder(name, parent) if out is None else _free_folder(out)
        with owned(path):
            with disk_errors(where):
                # Of simultaneous starts, another may have been the owner until now.
                if not _is_free(path):
                    raise _exists(path)
                for folder in _FOLDERS:
                    (path / folder).mkdir(exist_ok=True)
                sync(path)
                sync(path.absolute().parent)
            yield cls(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the folder of an existing run.

        Raises:
            RunError: RUN-FOLDER, saying what is missing, with the nearest runs there are; RUN-IO.
        """
        run = cls(path)
        if run.is_run:
            return run
        problem = f"it has no {run.recipe.name}" if path.is_dir() else "there is no such folder"
        near = _nearest_runs(path)
        raise RunError(
            "RUN-FOLDER",
            f"not a run: {problem}",
            at=str(path),
            fix=f"did you mean {' or '.join(near)}?" if near else "give the folder of a run",
        )

    @property
    def is_run(self) -> bool:
        """Whether a run has begun here.

        Raises:
            RunError: RUN-IO, where the system cannot tell: there is no such name, or no permission.
        """
        with disk_errors(self.path):
            return self.recipe.is_file()

    def owned(self) -> AbstractContextManager[None]:
        """Return a context in which this process owns the run.

        Raises:
            RunError: RUN-LOCK on entering, when another process owns it.
        """
        return owned(self.path)

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def environment(self) -> Path:
        """Versions, machine and digests."""
        return self.path / "environment.json"

    @property
    def log(self) -> Path:
        """One event per line."""
        return self.path / "log.jsonl"

    @property
    def result(self) -> Path:
        """Metrics and costs."""
        return self.path / "result.json"

    @property
    def dynamics(self) -> Path:
        """How each training row stood at each step, one line per step."""
        return self.path / "dynamics.jsonl"

    @property
    def examples(self) -> Path:
        """How the training rows went over the epochs, one line per row."""
        return self.path / "examples.csv"

    def predictions(self, split: str) -> Path:
        """Return the path of a split's predictions, one line per row."""
        return self.path / "predictions" / f"{split}.jsonl"

    @property
    def adapter(self) -> Path:
        """What training made: a PEFT folder, a whole model's, or heads alone."""
        return self.path / "adapter"

    @property
    def shown(self) -> Path:
        """The rows that stood solved before prompts, and which of them before which row."""
        return self.path / "shown.json"

    @property
    def settled(self) -> Path:
        """What was chosen after training, on rows kept aside for it."""
        return self.path / "settled.json"

    @property
    def references(self) -> Path:
        """What a reference said of the rows before training."""
        return self.path / "references.json"

    @property
    def exported(self) -> Path:
        """What the folder's model was exported to, where the folder is not a run's own."""
        return self.path / "exported.json"

    @property
    def teacher(self) -> Path:
        """What a teacher says of the rows to learn from."""
        return self.path / "teacher"

    @property
    def best(self) -> Path:
        """The checkpoint with the best validation metric."""
        return self.path / "best"

    @property
    def last(self) -> Path:
        """The newest checkpoint, from which a run resumes."""
        return self.path / "last"

    @property
    def plots(self) -> Path:
        """Folder of PNG files."""
        return self.path / "plots"

    @property
    def report(self) -> Path:
        """The self-contained page."""
        return self.path / "report.html"


def new_folder(name: str, parent: Path) -> Path:
    """Make `parent/NAME-YYYYMMDD-HHMMSS`, numbered where that is taken."""
    parent.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:_LONGEST_NAME] or "run"
    stem = f"{plain}-{time.strftime('%Y%m%d-%H%M%S')}"
    paths = (parent / (stem if number == 1 else f"{stem}-{number}") for number in count(1))
    return next(path for path in paths if _made(path))


def _made(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def empty_folder(path: Path) -> Path:
    """Make the folder, unless it is there and empty.

    Raises:
        RunError: RUN-EXISTS or RUN-LOCK, when it is not an empty folder.
    """
    _make(path)
    if any(path.iterdir()):
        refuse_active(path)
        raise _exists(path)
    return path


def _free_folder(path: Path) -> Path:
    """Make the folder, unless it is there and free."""
    _make(path)
    if not _is_free(path):
        refuse_active(path)
        raise _exists(path)
    return path


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _exists(path) from None


def _is_free(path: Path) -> bool:
    """Tell whether the folder is empty, or one of a run that has no recipe yet."""
    names = {found.name for found in path.iterdir()}
    filled = (path / folder for folder in _FOLDERS if any((path / folder).glob("*")))
    return not names or (LOCK in names and names <= _BEFORE_THE_RECIPE and not any(filled))


def _exists(path: Path) -> RunError:
    command = next((goes for file, goes in _GOES_ON.items() if (path / file).is_file()), None)
    return RunError(
        "RUN-EXISTS",
        "the output folder is not an empty folder",
        at=str(path),
        fix=f"choose another --out, or continue what is there with `{command} {path}`"
        if command
        else "choose another --out, or empty this folder",
    )


def _nearest_runs(path: Path) -> list[str]:
    """Return the run folders beside `path`, or in `runs/`, with the most similar names."""
    runs = {run.parent for place in (path.parent, RUNS) for run in place.glob("*/recipe.yaml")}
    names = {run.name: str(run) for run in sorted(runs) if run != path}
    return [names[name] for name in get_close_matches(path.name, names, cutoff=_SIMILAR)]
