"""The run's log: one event per line, only ever added to; the truth that trackers mirror.

Every line carries `event`, `time` (Unix seconds) and `attempt` (1, 2, …: one per start or resume).
"""

import time
from pathlib import Path
from typing import Any, Self

from loratory.errors import RunError
from loratory.runs.atomic import append, disk_errors, sync
from loratory.runs.json_files import json_text, parse_json

_BEFORE_ALL = -1  # stands for the step of an event that has none


class RunLog:
    """The log of one attempt, open for writing until `close`, or to the end of a `with` block."""

    def __init__(self, path: Path) -> None:
        """Open the log for one more attempt, without the line that a kill may have torn."""
        events, whole_bytes = _read(path) if path.exists() else ([], 0)
        self.path = path
        self.attempt = 1 + max((event["attempt"] for event in events), default=0)
        with disk_errors(path):
            self._file = path.open("ab", buffering=0)
            self._file.truncate(whole_bytes)
            sync(path.parent)

    def write(self, event: str, /, **values: Any) -> dict[str, Any]:
        """Add a line and return what it says.

        Raises:
            ResourceError: RES-DISK; the log is as it was before.
            RunError: RUN-IO; the log is as it was before.
        """
        entry = {"event": event, "time": round(time.time(), 3), "attempt": self.attempt, **values}
        with disk_errors(self.path):
            append(self._file, f"{json_text(entry)}\n".encode())
        return entry

    def close(self) -> None:
        """Leave the log as it is."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """Return the events that count, in order: an attempt's steps end where a later one took over.

    An event with a step above the one that a later attempt resumed from is left out; where a later
    one started over, every event with a step. So is a last line that was never finished.

    Raises:
        RunError: RUN-LOG, when the log is missing, or with the number of the first damaged line.
    """
    events, _ = _read(path)
    kept: list[dict[str, Any]] = []
    limits: dict[int, float] = {}
    for event in reversed(events):
        later = [step for attempt, step in limits.items() if attempt > event["attempt"]]
        if event.get("step", _BEFORE_ALL) <= min(later, default=float("inf")):
            kept.append(event)
        # A start says no step: not even an evaluation at step 0 is from before it.
        if event["event"] in {"start", "resume"}:
            limits[event["attempt"]] = event.get("step", _BEFORE_ALL)
    return kept[::-1]


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the events of the finished lines, and the bytes of these lines."""
    with disk_errors(path):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise _damaged(str(path), "the log is missing") from None
    *lines, torn = data.split(b"\n")
    events = [_event(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]
    return events, len(data) - len(torn)


def _event(line: bytes, at: str) -> dict[str, Any]:
    try:
        event = parse_json(line)
    except ValueError:
        raise _damaged(at, "the line is not JSON") from None
    match event:
        case {"event": str(), "attempt": int(), "time": int() | float()}:
            return dict(event)
        case _:
            raise _damaged(at, "the line lacks event, time or attempt")


def _damaged(at: str, problem: str) -> RunError:
    return RunError(
        "RUN-LOG", problem, at=at, fix="restore the log from a copy, or remove the damaged line"
    )
