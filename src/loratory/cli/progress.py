"""What a person sees while a run goes on: one bar, and a line for each evaluation."""

import time
from collections import deque
from contextlib import AbstractContextManager
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loratory.cli.output import console

_STEPS_FOR_SPEED = 20


class RunProgress(AbstractContextManager["RunProgress"]):
    """Follows a run's events; called with each of them."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("reading data and base", total=None, speed="")
        self._steps: int | None = None
        self._recent: deque[tuple[int, float]] = deque(maxlen=_STEPS_FOR_SPEED)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, event: str, values: dict[str, Any]) -> None:  # noqa: C901 - one case an event
        """Show `event`."""
        match event:
            case "start" | "continue":
                self._started(values)
            case "resume":
                console.print(f"resumed after step {values['step']}")
                self._bar.update(self._task, completed=values["step"])
            case "quantization":
                self._rounds(values)
            case "warning":
                console.print(f"warning: {values['message']}", style="yellow")
            case "asking":
                self._asks(rows=values["rows"], of=values["of"])
            case "step":
                self._stepped(values)
            case "evaluation":
                self._evaluated(values)
            case "stop":
                self._bar.update(self._task, description="scoring", speed="")

    def _started(self, values: dict[str, Any]) -> None:
        rows = ", ".join(f"{count:,} {split}" for split, count in values["rows"].items())
        share = values["trainable_parameters"] / values["total_parameters"]
        console.print(
            f"{rows} rows; {values['trainable_parameters']:,} of "
            f"{values['total_parameters']:,} parameters train ({share:.2%})"
        )
        if "compute" in values:
            console.print(_computes(values["compute"]))
        self._steps = values["steps"]
        self._bar.update(self._task, description="training", total=self._steps)

    def _rounds(self, values: dict[str, Any]) -> None:
        from loratory.methods.rounded import RoundedParts

        for line in RoundedParts(**values).lines():
            console.print(line)

    def _asks(self, *, rows: int, of: int) -> None:
        if rows < of:
            self._bar.update(self._task, description="asking the teacher", completed=rows, total=of)
        else:
            self._bar.reset(self._task, description="training", total=self._steps)

    def _stepped(self, values: dict[str, Any]) -> None:
        self._recent.append((values["tokens"], values["seconds"]))
        tokens, seconds = map(sum, zip(*self._recent, strict=True))
        self._bar.update(
            self._task,
            completed=values["step"],
            description=f"training  loss {values['train/loss']:.3f}",
            speed=f"{tokens / seconds:,.0f} tokens/s",
        )

    def _evaluated(self, values: dict[str, Any]) -> None:
        metrics = "  ".join(
            f"{name.removeprefix('eval/')} {value:.3f}"
            for name, value in values.items()
            if name.startswith("eval/")
        )
        clock = time.strftime("%H:%M:%S")
        console.print(f"{clock}  step {values['step']}  {values['split']}: {metrics}")


def _computes(chosen: dict[str, Any]) -> str:
    """Return how a run computes, as a line."""
    threads = f"{chosen['threads']} thread{'s' if chosen['threads'] > 1 else ''}"
    return (
        f"{chosen['device']}, {chosen['precision']}, {threads}, "
        f"{chosen['tokens_at_once']:,} tokens at once, attention {chosen['attention']}"
    )
