"""The search folder: what a search is and how far it has come, so that a kill loses no round.

search.yaml    the recipe that the search begins with
search.json    its budget, the seconds that are spent, and the rounds that were begun
N-NAME/        one sweep folder a round
recipe.yaml    the recipe that was chosen
result.json    every trial, the comparison and the reasons
"""

import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from loratory.errors import RunError
from loratory.experiments.sweep_folder import SweepFolder
from loratory.recipe.load import dump_written, load_recipe
from loratory.recipe.schema import Recipe
from loratory.runs.atomic import disk_errors, write_file
from loratory.runs.folder import empty_folder, new_folder
from loratory.runs.json_files import read_json, write_json

SEARCHES = Path("searches")


@dataclass(frozen=True)
class Begun:
    """A round that was begun."""

    name: str
    rows: int
    ends: float
    """Seconds of the whole search by which it is to be over."""


class Progress:
    """How far a search has come: what it has spent, and its rounds."""

    def __init__(
        self, file: Path, budget: float, spent: float = 0.0, rounds: tuple[Begun, ...] = ()
    ) -> None:
        self.budget = budget
        self.rounds = rounds
        self._file = file
        self._zero = time.monotonic() - spent

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what was kept; from now on time is spent again.

        Raises:
            RunError: RUN-FILE, when it is missing or damaged.
        """
        told = read_json(file)
        try:
            rounds = tuple(Begun(**begun) for begun in told["rounds"])
            return cls(file, float(told["budget"]), float(told["spent"]), rounds)
        except (KeyError, TypeError, ValueError):
            raise RunError(
                "RUN-FILE",
                "the file does not say how far the search has come",
                at=str(file),
                fix="restore it from a copy, or search anew in another folder",
            ) from None

    @property
    def spent(self) -> float:
        """Seconds that the search has taken, those before a stop included."""
        return time.monotonic() - self._zero

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget - self.spent

    def begin(self, name: str, rows: int, seconds: float) -> None:
        """Keep that a round begins, and how long it may take."""
        self.rounds = (*self.rounds, Begun(name, rows, self.spent + seconds))
        self.keep()

    def keep(self) -> None:
        """Write what is spent."""
        rounds = [asdict(begun) for begun in self.rounds]
        write_json(self._file, {"budget": self.budget, "spent": self.spent, "rounds": rounds})


@dataclass(frozen=True)
class SearchFolder:
    """A search's folder and the paths of its files, whether they exist yet or not."""

    path: Path

    @classmethod
    def create(cls, recipe: Recipe, *, out: Path | None = None) -> Self:
        """Make the folder of a new search: `searches/NAME-YYYYMMDD-HHMMSS`, or `out` itself.

        Raises:
            RunError: RUN-EXISTS, when `out` is not an empty folder; RUN-IO.
        """
        name = recipe.name or "search"
        with disk_errors(out or SEARCHES):
            path = new_folder(name, SEARCHES) if out is None else empty_folder(out)
        return cls(path.absolute())

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the folder of an existing search.

        Raises:
            RunError: RUN-FOLDER, when there is none.
        """
        folder = cls(path.absolute())
        if not folder.begins_with.is_file():
            problem = "it has no search.yaml" if path.is_dir() else "there is no such folder"
            raise RunError(
                "RUN-FOLDER",
                f"not a search: {problem}",
                at=str(path),
                fix="give the folder of a search, such as searches/NAME-DATE",
            )
        return folder

    @property
    def begins_with(self) -> Path:
        """The recipe that the search begins with."""
        return self.path / "search.yaml"

    @property
    def progress(self) -> Path:
        """How far it has come."""
        return self.path / "search.json"

    @property
    def recipe(self) -> Path:
        """The recipe that was chosen."""
        return self.path / "recipe.yaml"

    @property
    def result(self) -> Path:
        """What `search --json` prints."""
        return self.path / "result.json"

    def round(self, number: int, name: str) -> Path:
        """Return the sweep folder of round `number`, from 1."""
        return self.path / f"{number}-{name}"

    def begin(self, recipe: Recipe, progress: Progress) -> None:
        """Write what the search is; the recipe last, because a folder with one is a search."""
        progress.keep()
        write_file(self.begins_with, dump_written(recipe))

    def begun(self) -> tuple[Recipe, Progress]:
        """Return what the search is, and how far it has come.

        Raises:
            ConfigError, RunError: a file of it is damaged.
        """
        progress = Progress.read(self.progress)
        if progress.rounds:
            last = self.round(len(progress.rounds), progress.rounds[-1].name)
            if not SweepFolder(last).recipe.is_file():
                # A kill came before the round's sweep was one: the round is begun anew.
                shutil.rmtree(last, ignore_errors=True)
                progress.rounds = progress.rounds[:-1]
        return load_recipe(self.begins_with), progress
