"""What a tracker is told of a run: a pure function of the log's merged events and the run's files.

Names are those that people know from other tools: `train/loss`, `eval/accuracy` (of validation
rows), `test/accuracy`. A number that is not finite is left out, as the log has none of it either.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from loratory.errors import RunError
from loratory.recipe.load import load_recipe
from loratory.recipe.track import TrackSection
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.runs.log import read_events

_COSTS = (
    *("seconds", "tokens_per_second", "peak_memory_mb", "peak_gpu_memory_mb"),
    *("trainable_parameters", "best_step"),
)
_ID_LENGTH = 12
_SHORT = 12  # digits of a digest, where a tag has no room for more


@dataclass(frozen=True)
class Point:
    """Numbers of one step."""

    step: int
    time: float
    """Unix seconds."""

    values: dict[str, float]


@dataclass(frozen=True)
class RunCard:
    """What a tracker is told of a run once."""

    name: str
    id: str
    """The same for every attempt of the run, and for no other run."""

    project: str
    group: str | None
    """What runs that belong together share."""

    folder: Path
    """Of the trackers' files."""

    config: dict[str, Any]
    """The recipe, section by section."""

    digests: dict[str, str]
    """sha256 of the base, of the data and of what training started from."""

    @property
    def flat_config(self) -> dict[str, str | int | float | bool]:
        """The recipe's settings by their dotted names.

        Lists are JSON, and so is what has keys of other characters than a name's, such as the
        regular expressions of `method.rank_pattern`: trackers refuse them in names.
        """
        return dict(_flat(self.config, ""))

    @property
    def tags(self) -> list[str]:
        """The digests, shortened: `base-0a1b2c3d4e5f`."""
        return [f"{name}-{digest[:_SHORT]}" for name, digest in self.digests.items()]


def run_card(folder: RunFolder, section: TrackSection) -> RunCard:
    """Return what is said of a run, from its folder alone.

    Raises:
        RunError: RUN-LOG, the log is empty.
        LoratoryError: a file of the folder cannot be read.
    """
    path = folder.path.resolve()
    digests = read_json(folder.environment)["digests"]
    events = read_events(folder.log)
    if not events:
        raise RunError(
            "RUN-LOG",
            "the log has no event",
            at=str(folder.log),
            fix=f"go on with the run by `loratory train --resume {folder.path}`",
        )
    begun = f"{path.name} {events[0]['time']}"
    return RunCard(
        name=path.name,
        id=hashlib.sha256(begun.encode()).hexdigest()[:_ID_LENGTH],
        project=section.project,
        group=section.group,
        folder=tracker_folder(folder, section),
        config=load_recipe(folder.recipe).model_dump(mode="json", exclude={"track"}),
        digests={name: digest for name, digest in digests.items() if digest is not None},
    )


def tracker_folder(folder: RunFolder, section: TrackSection) -> Path:
    """Return where the trackers' files are."""
    return Path(section.folder or folder.path.resolve().parent / "track").resolve()


def points_of(events: Iterable[Mapping[str, Any]]) -> list[Point]:
    """Return the numbers of merged events, in their order."""
    found = [_point(event) for event in events if event["event"] in {"step", "evaluation"}]
    return [point for point in found if point.values]


def unseen(points: Iterable[Point], latest: dict[str, int]) -> list[Point]:
    """Return the points without what was seen, and note in `latest` each name's latest step.

    An evaluation that a resumed run does again stands in the log twice, and here once.
    """
    fresh = []
    for point in points:
        values = {
            name: value for name, value in point.values.items() if latest.get(name, -1) < point.step
        }
        latest.update(dict.fromkeys(values, point.step))
        if values:
            fresh.append(Point(point.step, point.time, values))
    return fresh


def summary_of(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that a finished run is known by: `result/accuracy`, `result/seconds`."""
    named = {**result["metrics"], **{name: result.get(name) for name in _COSTS}}
    return {f"result/{name}": value for name, value in _finite(named).items()}


def _point(event: Mapping[str, Any]) -> Point:
    step, time = int(event["step"]), float(event["time"])
    if event["event"] == "step":
        values = {name: value for name, value in event.items() if name.startswith("train/")}
        if event.get("seconds"):
            values["train/tokens_per_second"] = event["tokens"] / event["seconds"]
        values["train/epoch"] = event.get("epoch")
    else:
        split = event["split"]
        prefix = "eval" if split == "validation" else split
        values = {
            f"{prefix}/{name.removeprefix('eval/')}": value
            for name, value in event.items()
            if name.startswith("eval/")
        }
    return Point(step, time, _finite(values))


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and isfinite(value)
    }


def _flat(value: Any, name: str) -> Iterable[tuple[str, str | int | float | bool]]:
    if isinstance(value, dict) and all(re.fullmatch(r"\w+", str(key)) for key in value):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str | int | float):
        yield name, value
    elif value is not None:
        yield name, json.dumps(value, ensure_ascii=False)
