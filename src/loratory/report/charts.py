"""What the predictions tell: the confusion matrix, the calibration, and the baselines beside."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from loratory.metrics.calibration import Calibration
from loratory.metrics.classification import Counts, Floats
from loratory.report.canvas import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    Plot,
    add_legend,
    finished,
    new_axes,
    new_figure,
    spread,
)
from loratory.report.formats import (
    count,
    metric_axis,
    metric_name,
    metric_scale,
    metric_value,
    percent,
)
from loratory.report.record import UNTUNED, RunRecord, Scores

_FEW = 4  # classes, up to which a cell has room for two numbers
_MANY = 12  # classes, from which the cells are too small for numbers
_LONG = 24  # characters of a class name
# Of the model its line and the inside of its marker: full now, hollow before training.
_COLORS = {"this model": (BLUE, BLUE), UNTUNED: (BLUE, "white")}
_DARK = 0.55  # share, from which the cell is too dark for dark numbers


@dataclass(frozen=True)
class Wording:
    """What a confusion matrix calls itself and its two sides."""

    title: str = "Confusion matrix"
    target: str = "target"
    prediction: str = "predicted"
    name: str = "confusion"
    """Of its file."""


def confusion_chart(confusion: Counts, labels: Sequence[str], wording: Wording = Wording()) -> Plot:
    """Draw the rows of each target and prediction, shaded by their share of the target's rows."""
    axes = new_axes(height=3.6, title=wording.title, x=wording.prediction, y=wording.target)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _name_classes(axes, labels)
    if len(labels) <= _MANY:
        _write_cells(axes, confusion, shares)
    right = percent(np.trace(confusion) / confusion.sum())
    return finished(axes, name=wording.name, text=f"{wording.title}; {right} on the diagonal.")


def reliability_chart(
    calibration: Calibration, *, right: str = "accuracy", before: Calibration | None = None
) -> Plot:
    """Draw the accuracy against the confidence, over how many rows there are of each confidence.

    `before` is how it was before a temperature was chosen.
    """
    figure = new_figure(height=3.6, title="Calibration")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    bins = calibration.bins
    if before:
        axes.plot(
            [bin_.confidence * 100 for bin_ in before.bins],
            [bin_.accuracy * 100 for bin_ in before.bins],
            color=ORANGE,
            marker="s",
            linestyle="--",
            label="before the temperature",
        )
    axes.plot(
        [bin_.confidence * 100 for bin_ in bins],
        [bin_.accuracy * 100 for bin_ in bins],
        color=BLUE,
        marker="o",
        label="this model",
    )
    axes.plot(
        [0, 100], [0, 100], color=GREY, linestyle=(0, (4, 2)), linewidth=1, label="as sure as right"
    )
    add_legend(axes)
    axes.set_ylim(-2, 102)
    axes.set_ylabel(f"{right} (%)")
    below.bar(
        [(bin_.low + bin_.high) * 50 for bin_ in bins],
        [bin_.rows for bin_ in bins],
        width=[(bin_.high - bin_.low) * 95 for bin_ in bins],
        color=BLUE,
    )
    below.set_ylabel("rows")
    below.set_xlabel("confidence (%)")
    below.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    drawn = [*bins, *(before.bins if before else ())]
    below.set_xlim(min(bin_.low for bin_ in drawn) * 100, 100)
    error = percent(calibration.expected_calibration_error)
    if before:
        error += f", {percent(before.expected_calibration_error)} before the temperature"
    return finished(
        axes, name="calibration", text=f"{right.capitalize()} against confidence; error {error}."
    )


def baseline_chart(record: RunRecord) -> Plot | None:
    """Draw the main metric of the model and of each baseline, with their intervals."""
    metric = record.metric
    systems: list[tuple[str, Scores]] = [("this model", record.evaluation)]
    systems += [(baseline.name, baseline) for baseline in record.baselines]
    shown = [(name, scores) for name, scores in systems if metric in scores.metrics]
    if not shown or not record.baselines:
        return None
    scale = metric_scale(metric)
    unit = f"{metric_axis(metric)}, with 95 % interval"
    axes = new_axes(height=0.8 + 0.4 * len(shown), title="", x=unit, y="")
    for height, (name, scores) in enumerate(reversed(shown)):
        value = scores.metrics[metric]
        interval = [end * scale for end in scores.intervals.get(metric, (value, value))]
        color, inside = _COLORS.get(name, (GREY, GREY))
        axes.plot(interval, [height, height], color=color, linewidth=2.5, solid_capstyle="butt")
        axes.plot(value * scale, height, color=color, mfc=inside, marker="o", markersize=7)
        axes.annotate(
            metric_value(metric, value),
            (value * scale, height),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=INK,
        )
    spread(axes, [scores.metrics[metric] * scale for _, scores in shown], along="x")
    axes.margins(x=0.1)  # for the numbers over the outermost markers
    axes.set_yticks(range(len(shown)), [name for name, _ in reversed(shown)])
    axes.set_ylim(-0.5, len(shown) - 0.3)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    text = "; ".join(f"{name}: {metric_value(metric, s.metrics[metric])}" for name, s in shown)
    return finished(axes, name="baselines", text=f"{metric_name(metric)} of {text}.")


def _write_cells(axes: Axes, confusion: Counts, shares: Floats) -> None:
    """Write the rows of each cell into it, and where there is room their share, too."""
    roomy = len(confusion) <= _FEW
    for (row, column), rows in np.ndenumerate(confusion):
        share = float(shares[row, column])
        axes.text(
            column,
            row,
            f"{count(int(rows))}\n{percent(share, decimals=0)}" if roomy else count(int(rows)),
            ha="center",
            va="center",
            fontsize=9 if roomy else 7,
            color="white" if share > _DARK else INK,
        )


def _name_classes(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows and columns, shorter and smaller the more there are."""
    most = _LONG if len(labels) <= _FEW else _LONG // 2
    names = [label if len(label) <= most else f"{label[: most - 1]}…" for label in labels]
    size = min(9, max(3, 80 / len(labels)))
    turned = 90 if sum(map(len, names)) > 2 * _LONG else 0
    axes.set_xticks(range(len(names)), names, rotation=turned, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
