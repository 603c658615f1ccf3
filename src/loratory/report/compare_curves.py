"""The curves of a comparison, one over the other: training loss at several smoothings, evaluations.

The best few entries have colours and line styles of their own; all others are grey.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from loratory.report.canvas import GREY, PALETTE, Plot, finished, new_axes, spread
from loratory.report.comparison import Comparison, Entry
from loratory.report.curves import Line, grouped, line_of, lines_by_split
from loratory.report.formats import metric_axis, metric_name, metric_scale
from loratory.report.record import RunRecord

SMOOTHINGS = (0, 5, 10, 20, 40)
"""Percent of the steps that the moving mean of each level goes over; 0: none."""

COLORED = 6
"""Entries that have a colour of their own, from the best on."""

_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MOST = 240  # points of a line; several drawings of it are in the page
_STEP = "optimiser step"


def training_curves(found: Comparison) -> list[Plot]:
    """Draw the training loss of all entries, once for each smoothing; none where none trained."""
    lines = [
        (place, record, line_of(record.events_of("step"), "train/loss"))
        for place, record in _records(found.entries)
    ]
    drawn = [(place, grouped(line, most=_MOST)) for place, _, line in lines if line is not None]
    if not drawn:
        return []
    return [_training_curve(found, drawn, percent) for percent in SMOOTHINGS]


def evaluation_curves(found: Comparison) -> list[Plot]:
    """Draw loss and metric of the evaluations on the validation rows, as far as there are any."""
    metric = found.metric
    units = {
        "eval/loss": ("Validation loss", "loss"),
        f"eval/{metric}": (f"Validation {metric_name(metric)}", metric_axis(metric)),
    }
    # A temperature changes no answer, so no metric either.
    if any("no_answer_threshold" in r.result.settled for _, r in _records(found.entries)):
        title, unit = units[f"eval/{metric}"]
        units[f"eval/{metric}"] = (f"{title}, before the threshold was chosen", unit)
    plots = []
    for series, (title, unit) in units.items():
        scale = metric_scale(metric) if series != "eval/loss" else 1
        lines = [
            (place, lines_by_split(record, series).get("validation"))
            for place, record in _records(found.entries)
        ]
        drawn = [(place, (line[0], line[1] * scale)) for place, line in lines if line is not None]
        if drawn:
            axes = new_axes(height=2.9, title=title, x=_STEP, y=unit)
            _draw(axes, found, drawn, marker="o")
            name = series.replace("/", "_")
            plots.append(finished(axes, name=name, text=_text(title, found, drawn)))
    return plots


def entry_style(place: int) -> dict[str, Any]:
    """Return how the entry at a place is drawn: each in another way, also without colour."""
    if place < COLORED:
        return {"color": PALETTE[place], "linestyle": _STYLES[place]}
    return {"color": GREY, "linewidth": 0.8, "alpha": 0.7}


def _records(entries: Sequence[Entry]) -> Iterator[tuple[int, RunRecord]]:
    """Yield each run with its entry's place; the best last, so that it lies over the others."""
    for place in reversed(range(len(entries))):
        for record in entries[place].records:
            yield place, record


def _training_curve(found: Comparison, drawn: Sequence[tuple[int, Line]], percent: int) -> Plot:
    title = "Training loss"
    units = {record.loss_axis for _, record in _records(found.entries)}
    axes = new_axes(height=2.9, title=title, x=_STEP, y=units.pop() if len(units) == 1 else "loss")
    smooth = [(place, smoothed(line, percent)) for place, line in drawn]
    _draw(axes, found, smooth, marker="")
    return finished(axes, name=f"training_loss_{percent}", text=_text(title, found, smooth))


def smoothed(line: Line, percent: int) -> Line:
    """Return the moving mean over so many percent of the points, fewer at both ends."""
    steps, values = line
    window = np.ones(min(len(values), round(len(values) * percent / 100) | 1))
    near = np.convolve(np.ones_like(values), window, mode="same")
    return steps, np.convolve(values, window, mode="same") / near


def _draw(axes: Axes, found: Comparison, drawn: Sequence[tuple[int, Line]], *, marker: str) -> None:
    named: set[int] = set()
    for place, (steps, values) in drawn:
        label = found.entries[place].label if place < COLORED and place not in named else None
        named.add(place)
        axes.plot(steps, values, label=label, marker=marker, **entry_style(place))
    spread(axes, np.concatenate([values for _, (_, values) in drawn]), along="y")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    legend_below(axes)


def legend_below(axes: Axes) -> None:
    """Name what is drawn below the axes, one a line: what entries are called may be long."""
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.get_figure(root=True)
    assert figure is not None, "axes that are drawn on stand in a figure"
    figure.set_figheight(figure.get_figheight() + 0.17 * len(labels))
    figure.legend(handles[::-1], labels[::-1], loc="outside lower left", ncols=1)


def _text(title: str, found: Comparison, drawn: Sequence[tuple[int, Line]]) -> str:
    last = {found.entries[place].label: values[-1] for place, (_, values) in drawn}
    ends = "; ".join(f"{label}: {value:.3f}" for label, value in last.items())
    return f"{title} over the steps; at last {ends}."
