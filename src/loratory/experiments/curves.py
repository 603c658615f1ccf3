"""The pictures of a sweep: validation loss of its trials, and where the gradient flows.

The gradient's norm is drawn for each block over the steps, one panel a point, all in one scale; of
many points the best have one.
"""

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from loratory.experiments.study import planned_of
from loratory.experiments.worker import Sweep
from loratory.recipe.sweep import in_words
from loratory.report.canvas import PALETTE, plot_style
from loratory.runs.atomic import write_file
from loratory.runs.folder import RunFolder
from loratory.runs.log import read_events

Floats = NDArray[np.float64]

LOSS, GRADIENT = "validation_loss.png", "gradient_flow.png"

_MOST_PANELS = 12
_MOST_COLUMNS = 120  # of a panel: more steps are averaged in groups
_ACROSS = 3
_DPI = 160
_STYLES = ("-", "--", ":")


class Traced(NamedTuple):
    """What a trial's log tells over its steps."""

    run: str
    """Its run's folder, within the sweep's."""

    place: int
    """Number of its point."""

    name: str
    losses: list[tuple[int, float]]
    """Step and loss of each look at the validation rows."""

    norms: Floats
    """The gradient's norm before clipping, `[steps, blocks]`."""


def write_curves(sweep: Sweep, table: Sequence[dict[str, Any]]) -> None:
    """Draw what the logs of the sweep's trials tell so far into its folder `plots`.

    `table` is that of the sweep's result: its points, best first.
    """
    traced = _traced(sweep)
    with plot_style():
        if any(trial.losses for trial in traced):
            write_file(sweep.folder.plots / LOSS, _png(loss_figure(traced)))
        by_run = {trial.run: trial for trial in traced if trial.norms.size}
        firsts = [point["runs"][0] for point in table]
        shown = [by_run[run] for run in firsts if run in by_run]
        if shown:
            write_file(sweep.folder.plots / GRADIENT, _png(gradient_figure(shown)))


def loss_figure(traced: Sequence[Traced]) -> Figure:
    """Draw the validation loss of each trial; those of one point look the same."""
    places = list(dict.fromkeys(trial.place for trial in traced))
    figure = Figure(figsize=(7.6, 3.4 + 0.16 * len(places) / 2), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel="optimiser step", ylabel="loss on the validation rows")
    named: set[int] = set()
    for trial in traced:
        if not trial.losses:
            continue
        number = places.index(trial.place)
        steps, losses = zip(*trial.losses, strict=True)
        axes.plot(
            steps,
            losses,
            color=PALETTE[number % len(PALETTE)],
            linestyle=_STYLES[number // len(PALETTE) % len(_STYLES)],
            marker="." if len(steps) <= _MOST_PANELS else "",
            label=None if trial.place in named else trial.name,
        )
        named.add(trial.place)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def gradient_figure(traced: Sequence[Traced]) -> Figure:
    """Draw the gradient's norm of each block over the steps, darker where it is larger.

    There is room for the first of `traced` alone; the figure says so.
    """
    shown = traced[:_MOST_PANELS]
    down = ceil(len(shown) / _ACROSS)
    figure = Figure(figsize=(7.6, 0.6 + 1.9 * down), layout="constrained")
    positive = np.concatenate([trial.norms[trial.norms > 0] for trial in shown])
    low, high = (positive.min(), positive.max()) if positive.size else (0.1, 1.0)
    scale = LogNorm(low, max(high, low * 1.01))
    panels = figure.subplots(down, _ACROSS, squeeze=False)
    for axes, trial in zip(panels.flat, shown, strict=False):
        steps, blocks = trial.norms.shape
        picture = _narrowed(trial.norms).T
        extent = (0.5, steps + 0.5, -0.5, blocks - 0.5)
        image = axes.imshow(
            np.where(picture > 0, picture, np.nan),
            aspect="auto",
            origin="lower",
            extent=extent,
            norm=scale,
            cmap="cividis",
            interpolation="nearest",
        )
        axes.grid(visible=False)
        axes.set_title(trial.name, fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    for axes in panels.flat[len(shown) :]:
        axes.set_axis_off()
    if len(shown) < len(traced):
        figure.suptitle(f"the best {len(shown)} of {len(traced)} points", fontsize=9)
    figure.supxlabel("optimiser step", fontsize=9)
    figure.supylabel("block, from the lowest", fontsize=9)
    figure.colorbar(
        image,
        ax=panels,
        label="gradient's L2 norm, before clipping; white: none",
        format=StrMethodFormatter("{x:g}"),
    )
    return figure


def _traced(sweep: Sweep) -> list[Traced]:
    found = []
    for trial in sweep.study.trials():
        planned = planned_of(trial)
        log = RunFolder(sweep.folder.path / planned.run).log
        events = read_events(log) if log.is_file() else []
        place, _ = sweep.plan.place(planned.number)
        name = in_words(planned.settings)
        found.append(Traced(planned.run, place, name, _losses(events), _norms(events)))
    return found


def _losses(events: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
    return [
        (event["step"], event["eval/loss"])
        for event in events
        if event["event"] == "evaluation" and event["split"] == "validation"
    ]


def _norms(events: Sequence[dict[str, Any]]) -> Floats:
    rows = [event["layer_grad_norms"] for event in events if "layer_grad_norms" in event]
    # A block whose weights have no gradient yet is none of the first steps'.
    blocks = max(map(len, rows), default=0)
    return np.array([row + [0.0] * (blocks - len(row)) for row in rows], dtype=np.float64)


def _narrowed(norms: Floats) -> Floats:
    """Return the means of so many groups of neighbouring steps that a panel can show them."""
    edges = np.linspace(0, len(norms), min(len(norms), _MOST_COLUMNS) + 1).astype(int)
    return np.stack([norms[first:last].mean(axis=0) for first, last in pairwise(edges)])


def _png(figure: Figure) -> bytes:
    data = BytesIO()
    figure.savefig(data, format="png", dpi=_DPI)
    return data.getvalue()
