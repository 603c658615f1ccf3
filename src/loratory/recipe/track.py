"""The track section: where else the run's log is shown, beside its own folder."""

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from loratory.recipe.section import Section

TrackerKind = Literal["wandb", "tensorboard", "mlflow"]


LONGEST_GROUP = 128
"""Characters of a group's name that W&B takes."""


class TrackSection(Section):
    """Mirrors of the run's log, kept on this machine; nothing is sent anywhere."""

    to: tuple[TrackerKind, ...] = ()
    """Trackers that the log is mirrored to while the run goes on."""

    project: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "loratory"
    """W&B's project and MLflow's experiment."""

    group: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_GROUP)] | None = None
    """W&B's group and a tag in MLflow; absent: a trial has the name of its sweep or search."""

    folder: Annotated[StrictStr, Field(min_length=1)] | None = None
    """Folder of the trackers' files; absent: `track` beside the run folder."""
