"""How each training row stood at each step that learned from it: one line per step.

    {"step": 3, "epoch": 1, "id": ["train/7", …], "loss": […], "confidence": […], "right": […]}

The file is a pure function of the steps: a run that goes on from a checkpoint cuts off what came
after it, so that it ends in the same bytes as one that was never stopped. Numbers have six digits.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from loratory.errors import RunError
from loratory.runs.atomic import append, disk_errors, sync
from loratory.runs.json_files import json_text, parse_json


class RowState(NamedTuple):
    """How one row stood when it was learned from, before the update."""

    id: str
    """Of the row of the data; one that is read in pieces stands there once for each."""

    loss: float
    """Mean of -log p(target), in nats."""

    confidence: float
    """Mean of p(target)."""

    right: bool
    """Every target was the likeliest at its place."""


class DynamicsFile:
    """The file of one attempt, open for writing until `close`, or to the end of a `with` block."""

    def __init__(self, path: Path, *, after: int) -> None:
        """Open the file behind what step `after` has left; 0 begins it anew."""
        self.path = path
        kept = 0
        with disk_errors(path):
            data = path.read_bytes() if path.exists() else b""
            for line in data.splitlines(keepends=True):
                if not line.endswith(b"\n") or _step(line) > after:
                    break
                kept += len(line)
            self._file = path.open("ab", buffering=0)
            self._file.truncate(kept)
            sync(path.parent)

    def write(self, step: int, epoch: int, rows: Sequence[RowState]) -> None:
        """Add a line for a step (from 1) of an epoch (from 1); none where there are no rows.

        Raises:
            ResourceError, RunError: the disk is full or fails; the file is as it was before.
        """
        if not rows:
            return
        ids, losses, confidences, rights = zip(*rows, strict=True)
        line = json_text(
            {
                "step": step,
                "epoch": epoch,
                "id": ids,
                "loss": [float(f"{loss:.6g}") for loss in losses],
                "confidence": [float(f"{confidence:.6g}") for confidence in confidences],
                "right": rights,
            }
        )
        with disk_errors(self.path):
            append(self._file, f"{line}\n".encode())

    def close(self) -> None:
        """Leave the file as it is."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_dynamics(path: Path) -> list[tuple[int, RowState]]:
    """Return each row's state with its epoch, in the order of the steps; none without a file.

    Raises:
        RunError: RUN-DYNAMICS, with the number of the first damaged line; RUN-IO.
    """
    with disk_errors(path):
        data = path.read_bytes() if path.exists() else b""
    found: list[tuple[int, RowState]] = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            step: dict[str, Any] = parse_json(line)
            states = zip(*(step[name] for name in RowState._fields), strict=True)
            found += [(int(step["epoch"]), RowState(*state)) for state in states]
        except (ValueError, KeyError, TypeError):
            raise RunError(
                "RUN-DYNAMICS",
                "the line is not what a step writes",
                at=f"{path}:{number}",
                fix="restore the file from a copy, or remove it: only the map of the rows needs it",
            ) from None
    return found


def _step(line: bytes) -> float:
    """Return the step of a line, one beyond all others where it is damaged."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
