"""What a workload is: a job, made of rows and a recipe, and the sides that do it.

The first side is Loratory's and the second what it is compared with. Further ones are Loratory's
with other settings, shown beside.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.base import GPT2_SMALL
from benchmarks.limit import Work

OURS, PEER, AUTO = "Loratory", "peer", "Loratory, auto"


@dataclass(frozen=True)
class Options:
    """What the command line says of every workload."""

    base: str
    scratch: Path
    """An empty folder for the jobs."""

    repeat: int = 3
    """Times that each side does the job; medians are reported."""

    rows: int | None = None
    """Rows of a job; None: as many as each workload has by default."""

    data: Path | None = None
    """Folder of SQuAD's files; None: questions are made up."""

    quick: bool = False
    """Everything made up, and as small as it can be."""

    def rows_or(self, usual: int, quick: int = 8) -> int:
        """Return how many rows a job has that usually has `usual`."""
        return self.rows or (quick if self.quick else usual)


@dataclass(frozen=True)
class Side:
    """A process: a module of `benchmarks.sides`, and settings that it puts into the recipe."""

    module: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workload:
    """One job, and who does it."""

    name: str
    peer: str
    """Who does it on the other side."""

    prepare: Callable[[Path, Options], Work]
    """Writes the job's folder and returns what the job is."""

    ours: Side
    theirs: Side
    beside: dict[str, Side] = field(default_factory=dict)
    wanted: str = ""
    """What is to be reached, as the table shows it."""

    base: str = GPT2_SMALL
    """The base, where the command line names none."""

    tolerance: float = 1e-4
    """Most by which what the sides compute may differ."""

    def sides(self, precision: str) -> dict[str, Side]:
        """Return the sides by their names; that in `precision` only where it is another one."""
        same = {AUTO} if precision == "float32" else set()
        beside = {name: side for name, side in self.beside.items() if name not in same}
        return {OURS: self.ours, PEER: self.theirs, **beside}


def in_auto(side: Side) -> dict[str, Side]:
    """Return the side once more, in the number format that is measured to be fastest."""
    return {AUTO: Side(side.module, ("training.precision=auto",))}
