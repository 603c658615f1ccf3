"""The sweep folder: where its files are, and how it begins and is found again.

sweep.yaml     the recipe with its sweep section; what it left to defaults is in each trial
journal.log    Optuna's journal: JSON, one line per event
trials/NNN-…   ordinary run folders
result.json    the table, the best point, and what each trial came to
plots/         curves of all trials
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from loratory.errors import RunError
from loratory.runs.atomic import disk_errors, sync
from loratory.runs.folder import empty_folder, new_folder
from loratory.runs.lock import awaited, owned

SWEEPS = Path("sweeps")
_WAIT = 0.05  # seconds between looks at a lock that is held for an instant


@dataclass(frozen=True)
class SweepFolder:
    """A sweep's folder and the paths of its files, whether they exist yet or not."""

    path: Path

    @classmethod
    def create(cls, name: str, *, out: Path | None = None) -> Self:
        """Make the folder of a new sweep: `sweeps/NAME-YYYYMMDD-HHMMSS`, or `out` itself.

        Raises:
            RunError: RUN-EXISTS, when `out` is not an empty folder; RUN-IO.
        """
        where = SWEEPS if out is None else out
        with disk_errors(where):
            path = new_folder(name, SWEEPS) if out is None else empty_folder(out)
            folder = cls(path.absolute())
            for part in ("trials", ".claims", "plots"):
                (path / part).mkdir()
            sync(path)
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the folder of an existing sweep.

        Raises:
            RunError: RUN-FOLDER, when there is none; RUN-IO.
        """
        folder = cls(path.absolute())
        if not folder.recipe.is_file():
            problem = "it has no sweep.yaml" if path.is_dir() else "there is no such folder"
            raise RunError(
                "RUN-FOLDER",
                f"not a sweep: {problem}",
                at=str(path),
                fix="give the folder of a sweep; a single run goes on with `loratory train "
                "--resume`",
            )
        with disk_errors(folder.path):
            for part in ("trials", ".claims", "plots"):
                (folder.path / part).mkdir(exist_ok=True)
        return folder

    @property
    def recipe(self) -> Path:
        """The recipe with its sweep section."""
        return self.path / "sweep.yaml"

    @property
    def journal(self) -> Path:
        """Optuna's journal."""
        return self.path / "journal.log"

    @property
    def trials(self) -> Path:
        """Folder of the run folders."""
        return self.path / "trials"

    @property
    def result(self) -> Path:
        """What `sweep --json` prints, and more."""
        return self.path / "result.json"

    @property
    def plots(self) -> Path:
        """Folder of PNG files."""
        return self.path / "plots"

    def planning(self) -> AbstractContextManager[None]:
        """Return a context in which this process alone decides who does which trial."""
        return awaited(self.path / ".claims", every=_WAIT)

    def claimed(self, number: int) -> AbstractContextManager[None]:
        """Return a context in which this process alone does trial `number`.

        The system ends the claim when the process ends, however it ends.

        Raises:
            RunError: RUN-LOCK on entering, when another process does it; RUN-IO.
        """
        claim = self.path / ".claims" / f"{number:03}"
        with disk_errors(claim):
            claim.mkdir(exist_ok=True)
        return owned(claim)
