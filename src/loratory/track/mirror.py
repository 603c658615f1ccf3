"""Trackers that follow a run while it goes on, each in a thread of its own.

Training hands a point over and goes on. Trackers are opened before that, one after the other:
their packages cannot be imported side by side. When an attempt starts or resumes, each mirror is
made anew from the log's merged events, so that it holds what the log says and nothing else: no step
twice, and none missing. A mirror that fails is left as it is, and the run goes on.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self, assert_never

from loratory.recipe.track import TrackerKind, TrackSection
from loratory.runs.folder import RunFolder
from loratory.runs.log import read_events
from loratory.track.mlflow_run import MlflowRun
from loratory.track.points import Point, RunCard, points_of, run_card, summary_of, unseen
from loratory.track.tensorboard_files import TensorboardFiles
from loratory.track.tracker import Tracker
from loratory.track.wandb_run import WandbRun

_PATIENCE = 120.0  # seconds for what is left, once the run is over
_BEGINS = {"start", "resume"}


def open_tracker(kind: TrackerKind, card: RunCard) -> Tracker:
    """Return a run in a tracker, begun anew; its package is imported now."""
    match kind:
        case "wandb":
            return WandbRun(card)
        case "tensorboard":
            return TensorboardFiles(card)
        case "mlflow":
            return MlflowRun(card)
        case _:
            assert_never(kind)


@dataclass(frozen=True)
class _End:
    """Nothing more comes."""

    summary: dict[str, float] | None
    """None where the run has not come to its end."""


class Mirrors:
    """All mirrors of one attempt. A `with` block that fails closes them as they are."""

    def __init__(self, section: TrackSection, folder: RunFolder) -> None:
        self._section = section
        self._folder = folder
        self._mirrors: dict[TrackerKind, _Mirror] = {}

    def begin(self) -> None:
        """Make each mirror anew from the log."""
        if not self._section.to:
            return
        card = run_card(self._folder, self._section)
        points = points_of(read_events(self._folder.log))
        self._mirrors = {kind: _Mirror(kind, card) for kind in dict.fromkeys(self._section.to)}
        self._hand_over(points)

    def follow(self, entry: Mapping[str, Any]) -> list[str]:
        """Take in a log entry; return what is to be said of mirrors that have failed since."""
        if entry["event"] in _BEGINS:
            self.begin()
        else:
            self._hand_over(points_of([entry]))
        return self._problems()

    def finish(self, result: Mapping[str, Any]) -> list[str]:
        """Add the result and wait until everything is written; return what has failed."""
        return self._ended(_End(summary_of(result)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._ended(_End(None))

    def _hand_over(self, points: Sequence[Point]) -> None:
        if points:
            for mirror in self._mirrors.values():
                mirror.hand_over(points)

    def _ended(self, end: _End) -> list[str]:
        for mirror in self._mirrors.values():
            mirror.hand_over(end)
        for mirror in self._mirrors.values():
            mirror.wait()
        return self._problems()

    def _problems(self) -> list[str]:
        failed = {kind: m.problem for kind, m in self._mirrors.items() if m.problem}
        for kind in failed:
            del self._mirrors[kind]
        return [
            f"the run is no longer mirrored to {kind}: {problem}; its log is complete, and "
            f"`loratory track {self._folder.path} --to {kind}` sends it later"
            for kind, problem in failed.items()
        ]


class _Mirror:
    """One tracker, fed from a queue: points, and then the end."""

    def __init__(self, kind: TrackerKind, card: RunCard) -> None:
        self.problem = ""
        self._queue: SimpleQueue[Sequence[Point] | _End] = SimpleQueue()
        self._thread = Thread(target=self._mirror, name=f"mirror to {kind}", daemon=True)
        with self._failures():
            self._tracker = open_tracker(kind, card)
            self._thread.start()

    def hand_over(self, what: Sequence[Point] | _End) -> None:
        """Leave points, or the end, for the thread."""
        self._queue.put(what)

    def wait(self) -> None:
        """Wait for the thread to end, but not forever."""
        if self._thread.ident is None:
            return  # it could not be opened
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self.problem = f"it was not done after {_PATIENCE:.0f} s"

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Note whatever a tracker raises, which must not end the run."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a tracker's errors are of any kind
            self.problem = " ".join(f"{type(error).__name__}: {error}".split())[:300]

    def _mirror(self) -> None:
        latest: dict[str, int] = {}
        end: _End | None = None
        with self._failures():
            while end is None:
                points, end = self._taken()
                self._tracker.write(unseen(points, latest))
            if end.summary is None:
                self._tracker.close()
            else:
                self._tracker.finish(end.summary)

    def _taken(self) -> tuple[list[Point], _End | None]:
        """Wait for something; return all points there are, and the end where it has come."""
        points: list[Point] = []
        while True:
            what = self._queue.get()
            if isinstance(what, _End):
                return points, what
            points += what
            # A database takes a thousand numbers as fast as one.
            if self._queue.empty():
                return points, None
