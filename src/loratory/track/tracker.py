"""What a tracker does, which of them there are, and what is said where one is not installed."""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from loratory.errors import ConfigError
from loratory.recipe.track import TrackerKind
from loratory.track.points import Point


class Tracker(Protocol):
    """One run in one tracker. Making it replaces what the tracker had of the same run."""

    def write(self, points: Sequence[Point]) -> None:
        """Add points, none of which it has, their steps in order."""

    def finish(self, summary: dict[str, float]) -> None:
        """Add what the finished run is known by, and close it."""

    def close(self) -> None:
        """Close a run that has not come to its end."""


def require_installed(kinds: Iterable[TrackerKind]) -> None:
    """Refuse trackers whose packages are not there.

    Raises:
        ConfigError: CFG-TRACK, with the command that installs the package.
    """
    for kind in kinds:
        if find_spec(kind) is None:
            raise ConfigError(
                "CFG-TRACK",
                f"the package {kind} is not installed",
                at="track.to",
                got=kind,
                fix=f"pip install 'loratory[{kind}]', or leave {kind} out",
            )


def how_to_look(kind: TrackerKind, folder: Path) -> str:
    """Return the command that shows, or uploads, what is in the trackers' folder."""
    match kind:
        case "wandb":
            return f"wandb sync {folder}/wandb/offline-run-*"
        case "tensorboard":
            return f"tensorboard --logdir {folder}/tensorboard"
        case "mlflow":
            return f"mlflow ui --backend-store-uri sqlite:///{folder}/mlflow.db"
