"""TensorBoard: event files in `tensorboard/NAME-ID`, a folder for each run."""

import shutil
from collections.abc import Sequence
from typing import Any

from loratory.track.points import Point, RunCard


class TensorboardFiles:
    """A run's event files."""

    def __init__(self, card: RunCard) -> None:
        """Begin the files anew, with the recipe as text."""
        from torch.utils.tensorboard import SummaryWriter

        folder = card.folder / "tensorboard" / f"{card.name}-{card.id}"
        shutil.rmtree(folder, ignore_errors=True)
        self._card = card
        self._last = 0
        self._writer: Any = SummaryWriter(str(folder))
        settings = "\n".join(f"    {name}: {value}" for name, value in card.flat_config.items())
        self._writer.add_text("recipe", settings, 0)
        self._writer.add_text("digests", "\n\n".join(card.tags), 0)

    def write(self, points: Sequence[Point]) -> None:
        """Add a scalar for each number."""
        for point in points:
            self._last = max(self._last, point.step)
            for name, value in point.values.items():
                self._writer.add_scalar(name, value, point.step, walltime=point.time)
        self._writer.flush()

    def finish(self, summary: dict[str, float]) -> None:
        """Add the result, and beside it the settings: the page HPARAMS compares runs by them."""
        from torch.utils.tensorboard.summary import hparams

        for name, value in summary.items():
            self._writer.add_scalar(name, value, self._last)
        for part in hparams(self._card.flat_config, summary):
            self._writer.file_writer.add_summary(part)
        self.close()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
