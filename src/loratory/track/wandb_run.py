"""Weights & Biases, offline: a run in `wandb/offline-run-…`, for `wandb sync` to upload later."""

import os
import shutil
from collections.abc import Sequence

from loratory.track.points import Point, RunCard


class WandbRun:
    """A run in W&B's offline folder."""

    def __init__(self, card: RunCard) -> None:
        """Begin the run anew; its id stays, so that what was uploaded of it is replaced, too."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        for earlier in (card.folder / "wandb").glob(f"offline-run-*-{card.id}"):
            shutil.rmtree(earlier)
        card.folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=card.project,
            name=card.name,
            group=card.group,
            id=card.id,
            dir=str(card.folder),
            config={**card.config, "digests": card.digests},
            tags=card.tags,
            mode="offline",
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_git=True,
                save_code=False,
                disable_job_creation=True,
                x_disable_stats=True,
                x_disable_meta=True,
                x_save_requirements=False,
            ),
        )

    def write(self, points: Sequence[Point]) -> None:
        """Add a row for each step."""
        for point in points:
            self._run.log({**point.values, "_timestamp": point.time}, step=point.step)

    def finish(self, summary: dict[str, float]) -> None:
        """Add the result to the summary."""
        self._run.summary.update(summary)
        self._run.finish()

    def close(self) -> None:
        """Mark the run as one that did not finish."""
        self._run.finish(exit_code=1)
