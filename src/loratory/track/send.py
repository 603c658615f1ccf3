"""Send a run to a tracker after the fact: what its log says, in the place of what was there."""

from dataclasses import dataclass
from pathlib import Path

from loratory.errors import RunError
from loratory.recipe.load import load_recipe
from loratory.recipe.track import TrackerKind
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.runs.log import read_events
from loratory.track.mirror import open_tracker
from loratory.track.points import points_of, run_card, summary_of, unseen
from loratory.track.tracker import how_to_look, require_installed


@dataclass(frozen=True)
class Sent:
    """What a tracker was told of a run."""

    folder: Path
    """Of the trackers' files."""

    points: int
    """Numbers of all steps."""

    finished: bool
    """Whether the run has a result, which was sent too."""

    look: str
    """The command that shows or uploads it."""


def send_run(
    run: Path, kind: TrackerKind, *, project: str | None = None, folder: Path | None = None
) -> Sent:
    """Send a run's log and result to a tracker; sent again, it takes its own place.

    `project` and `folder` take the place of the recipe's.

    Raises:
        ConfigError: CFG-TRACK, the tracker's package is not installed.
        RunError: there is no such run, it is active, or the tracker fails (RUN-TRACK).
    """
    require_installed([kind])
    given = {"track.project": project, "track.folder": folder and str(folder)}
    run_folder = RunFolder.open(run)
    overrides = {key: value for key, value in given.items() if value is not None}
    section = load_recipe(run_folder.recipe, overrides).track
    with run_folder.owned():
        points = unseen(points_of(read_events(run_folder.log)), {})
        card = run_card(run_folder, section)
        finished = run_folder.result.is_file()
        summary = summary_of(read_json(run_folder.result)) if finished else {}
        try:
            tracker = open_tracker(kind, card)
            tracker.write(points)
            if finished:
                tracker.finish(summary)
            else:
                tracker.close()
        except Exception as error:
            raise RunError(
                "RUN-TRACK",
                f"{kind} cannot take the run ({type(error).__name__}: {error})",
                at=str(card.folder),
                fix="check that the folder is yours to write, or name another with --folder",
            ) from error
    numbers = sum(len(point.values) for point in points)
    return Sent(card.folder, numbers, finished, how_to_look(kind, card.folder))
