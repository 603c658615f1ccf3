"""`loratory track`: send a run to a tracker after the fact."""

from pathlib import Path
from typing import Annotated

import typer

from loratory.cli.output import AsJson, print_json, print_text
from loratory.recipe.track import TrackerKind


def track(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    to: Annotated[TrackerKind, typer.Option(help="The tracker.")],
    project: Annotated[
        str | None, typer.Option(help="W&B's project and MLflow's experiment.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Folder of the tracker's files.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a run's log and result to a tracker on this machine; sent again, it takes its own place.

    Nothing leaves this machine: `wandb sync` uploads what is in W&B's folder, when you wish.
    """
    from loratory.track.send import send_run

    sent = send_run(run, to, project=project, folder=folder)
    if as_json:
        print_json(
            {
                "run": str(run),
                "to": to,
                "folder": str(sent.folder),
                "points": sent.points,
                "finished": sent.finished,
                "look": sent.look,
            }
        )
        return
    state = "with its result" if sent.finished else "which has not finished"
    print_text(f"sent to {to}: {sent.points:,} numbers of {run}, {state}")
    print_text(f"look: {sent.look}")
