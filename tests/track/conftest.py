"""A run that was killed and resumed, mirrored to every tracker, and what the log says of it."""

from typing import NamedTuple

import pytest

from loratory import pipeline
from loratory.recipe.load import load_recipe
from loratory.recipe.track import TrackSection
from loratory.runs.folder import RunFolder
from loratory.runs.log import read_events
from loratory.track.points import points_of, run_card, unseen

TRACKERS = ("wandb", "tensorboard", "mlflow")


class KilledError(Exception):
    """Ends a run in the middle of a step."""


class Mirrored(NamedTuple):
    folder: RunFolder
    tracked: object
    """The trackers' folder."""

    numbers: dict[tuple[str, int], float]
    """By name and step, what the log says."""


def numbers_of(folder):
    """Return what the log says, worked out anew from its merged lines."""
    found = {}
    for event in read_events(folder.log):
        prefix = {"validation": "eval", None: "train"}.get(event.get("split"), event.get("split"))
        if event["event"] == "step":
            found["train/tokens_per_second", event["step"]] = event["tokens"] / event["seconds"]
            found["train/epoch", event["step"]] = event["epoch"]
        if event["event"] in ("step", "evaluation"):
            for name, value in event.items():
                rest = name.partition("/")[2]
                if rest:
                    found[f"{prefix}/{rest}", event["step"]] = value
    return found


def die_at(step):
    def watch(event, values):
        if event == "step" and values["step"] == step:
            raise KilledError

    return watch


def interrupted(recipe, out, first, *later):
    """Run until step after step ends it, and leave it there."""
    with pytest.raises(KilledError):
        pipeline.train(recipe, out=out, watch=die_at(first))
    for step in later:
        with pytest.raises(KilledError):
            pipeline.resume(out, watch=die_at(step))


@pytest.fixture(scope="session")
def mirrored(film_recipe, tmp_path_factory):
    """Return the function that gives a run mirrored to a tracker, killed twice and gone on with."""
    known = {}

    def run(kind):
        if kind not in known:
            where = tmp_path_factory.mktemp(kind)
            tracked = {"track.to": [kind], "track.group": "reviews"}
            overrides = {**tracked, "training.checkpoint_every": 3}
            recipe = load_recipe(film_recipe, overrides)
            interrupted(recipe, where / "run", 5, 8)
            pipeline.resume(where / "run")
            folder = RunFolder(where / "run")
            known[kind] = Mirrored(folder, where / "track", numbers_of(folder))
        return known[kind]

    return run


@pytest.fixture
def sent(film_run):
    """Return the card and the points of a finished run that was never mirrored."""

    def of(where):
        folder = RunFolder(film_run)
        card = run_card(folder, TrackSection(folder=str(where)))
        return card, unseen(points_of(read_events(folder.log)), {}), numbers_of(folder)

    return of
