"""What a person sees while a sweep goes on: a line for each trial, and a bar over all of them."""

from contextlib import AbstractContextManager
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loratory.cli.output import console
from loratory.recipe.sweep import in_words


class SweepProgress(AbstractContextManager["SweepProgress"]):
    """Follows a sweep's events; called with each of them."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("reading data and base", total=None)
        self._trials, self._metric = 0, ""
        self._now = ""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, event: str, /, **values: Any) -> None:
        """Show `event`."""
        match event:
            case "sweep_begins":
                self._trials, self._metric = values["trials"], values["metric"]
                self._bar.update(self._task, total=self._trials)
                console.print(f"{self._trials} trials in {values['dir']}")
            case "baseline":
                found = "  ".join(f"{key} {value:.3f}" for key, value in values["metrics"].items())
                console.print(f"{values['name']}: {found}")
            case "round_begins":
                console.print(
                    f"round {values['name']}: {values['points']} points on {values['rows']:,} "
                    f"rows, at most {values['seconds']:.0f} s",
                )
            case "trial_begins":
                self._now = in_words(values["settings"])
                self._bar.update(
                    self._task, completed=values["number"], description=f"{self._now} "
                )
            case "step":
                words = f"{self._now}  step {values['step']}, loss {values['train/loss']:.3f}"
                self._bar.update(self._task, description=words)
            case "trial_ends":
                self._ended(values)

    def _ended(self, values: dict[str, Any]) -> None:
        value = "" if values["value"] is None else f"{self._metric} {values['value']:.4f}  "
        problem = f": {values['problem']}" if values["problem"] else ""
        console.print(
            f"{values['number'] + 1}/{self._trials}  {in_words(values['settings'])}  "
            f"seed {values['seed']}  {value}{values['state']}{problem}  {values['seconds']:.0f} s",
        )
        self._bar.update(self._task, completed=values["number"] + 1)
