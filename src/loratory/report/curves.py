"""What the log tells over the steps: loss, accuracy, gradient norms, learning rate."""

from collections.abc import Sequence
from math import floor, isfinite, log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from loratory.report.canvas import (
    BLUE,
    GREY,
    INK,
    PALETTE,
    Plot,
    add_legend,
    add_levels,
    finished,
    new_axes,
    spread,
)
from loratory.report.formats import metric_axis, metric_name, metric_scale, metric_value
from loratory.report.record import ASIDE, Event, RunRecord

_HEIGHT = 2.9
_STEP = "optimiser step"
_FEW = 12  # points, below which each is marked and none are smoothed
_MOST = 800  # points of one line; more are averaged in groups, for the size of the page
_GROUP = "train/grad_norm/"

Values = NDArray[np.float64]
Line = tuple[Values, Values]


def loss_curve(record: RunRecord) -> Plot | None:
    """Draw the training loss, and the loss of each evaluation."""
    training = line_of(record.events_of("step"), "train/loss")
    evaluations = lines_by_split(record, "eval/loss")
    if training is None and not evaluations:
        return None
    axes = new_axes(height=_HEIGHT, title="Loss", x=_STEP, y=record.loss_axis)
    text = "Loss over the steps."
    if training is not None:
        _draw_noisy(axes, training, color=BLUE, label="training")
        text += f" Training: {training[1][0]:.3f} at first, {training[1][-1]:.3f} at last."
    for (split, line), color in zip(evaluations.items(), PALETTE[5::-1], strict=False):
        axes.plot(*line, color=color, marker="o", label=split)
        text += f" {split}: {line[1][-1]:.3f} at last."
    _dress(axes, record)
    return finished(axes, name="loss", text=text)


def metric_curve(record: RunRecord) -> Plot | None:
    """Draw the main metric of each evaluation, with the baselines as levels.

    What is chosen after training was not known to the evaluations before: the curve is without it.
    """
    metric = record.metric
    evaluations = lines_by_split(record, f"eval/{metric}")
    # A temperature changes no answer, so no metric either.
    settled = record.result.settled.get("no_answer_threshold") is not None
    if settled:
        evaluations.pop("test", None)
    if not evaluations:
        return None
    scale, name = metric_scale(metric), metric_name(metric)
    title = f"{name[0].upper()}{name[1:]}"
    title += ", before the threshold was chosen" if settled else ""
    axes = new_axes(height=_HEIGHT, title=title, x=_STEP, y=metric_axis(metric))
    text = f"{title} over the steps."
    drawn: list[float] = []
    for (split, (steps, values)), color in zip(evaluations.items(), PALETTE, strict=False):
        axes.plot(steps, values * scale, color=color, marker="o", label=split)
        drawn += [*(values * scale)]
        text += f" {split}: {metric_value(metric, values[-1])} at last."
        kept = steps == record.result.best_step
        if kept.any() and split == record.result.selected_on:
            _ring(axes, steps[kept], values[kept] * scale, color=color)
    levels = {
        baseline.name: baseline.metrics[metric] * scale
        for baseline in record.baselines_on(next(iter(evaluations)))
        if metric in baseline.metrics
    }
    spread(axes, [*levels.values(), *drawn], along="y")
    add_levels(axes, levels)
    _dress(axes, record)
    return finished(axes, name="metric", text=text)


def gradient_curve(record: RunRecord) -> Plot | None:
    """Draw the norm of the gradient, of each layer group and of all."""
    steps = record.events_of("step")
    names = [name for name in (steps[-1] if steps else {}) if name.startswith(_GROUP)]
    groups = {name.removeprefix(_GROUP): line_of(steps, name) for name in names}
    lines = {group: line for group, line in groups.items() if line is not None}
    total = line_of(steps, "train/grad_norm")
    if total is not None:
        lines["all"] = total
    if not lines:
        return None
    axes = new_axes(height=_HEIGHT, title="Gradient norm", x=_STEP, y="L2 norm, before clipping")
    for index, (group, line) in enumerate(lines.items()):
        color = INK if group == "all" else PALETTE[index % len(PALETTE)]
        style = "-" if index < len(PALETTE) else "--"
        _draw_noisy(axes, line, color=color, label=group, style=style)
    clip = record.setting("training", "max_grad_norm")
    values = np.concatenate([line[1] for line in lines.values()])
    if isinstance(clip, int | float) and values.max() > clip / 2:
        axes.axhline(clip, color=GREY, linestyle=(0, (4, 2)), linewidth=1, label="clipping")
    spread(axes, values, along="y")
    _dress(axes, record)
    return finished(
        axes,
        name="gradient_norm",
        text=f"Gradient norm over the steps, of {', '.join(lines)}; at most {values.max():.3g}.",
    )


def reward_curve(record: RunRecord) -> Plot | None:
    """Draw the rewards of the chosen and of the rejected answers in training."""
    events = record.events_of("step")
    lines = {name: line_of(events, f"train/rewards/{name}") for name in ("chosen", "rejected")}
    drawn = {name: line for name, line in lines.items() if line is not None}
    if not drawn:
        return None
    axes = new_axes(height=_HEIGHT, title="Rewards in training", x=_STEP, y="mean reward")
    for (name, line), color in zip(drawn.items(), PALETTE, strict=False):
        _draw_noisy(axes, line, color=color, label=name)
    _dress(axes, record)
    last = ", ".join(f"{name} {line[1][-1]:.3f}" for name, line in drawn.items())
    return finished(axes, name="rewards", text=f"Rewards over the steps; at last {last}.")


def learning_rate_curve(record: RunRecord) -> Plot | None:
    """Draw the learning rate."""
    line = line_of(record.events_of("step"), "train/learning_rate")
    if line is None:
        return None
    steps, rates = line
    highest = float(rates.max())
    power = floor(log10(highest)) if highest > 0 else 0
    unit = f"learning rate (10{_superscript(power)})"
    axes = new_axes(height=_HEIGHT, title="Learning rate", x=_STEP, y=unit)
    axes.plot(steps, rates / 10.0**power, color=BLUE, marker=_marker(steps))
    _dress(axes, record)
    return finished(
        axes, name="learning_rate", text=f"Learning rate over the steps, at most {highest:g}."
    )


def line_of(events: Sequence[Event], name: str) -> Line | None:
    """Return the steps and the finite values of one series, None without any."""
    points = [
        (event["step"], event[name])
        for event in events
        if isinstance(event.get(name), int | float) and isfinite(event[name]) and "step" in event
    ]
    if not points:
        return None
    steps, values = np.array(points, dtype=np.float64).T
    return steps, values


def lines_by_split(record: RunRecord, name: str) -> dict[str, Line]:
    """Return one series of the evaluations on each split, but for rows kept aside."""
    events = [event for event in record.events_of("evaluation") if event.get("split") != ASIDE]
    splits = dict.fromkeys(str(event.get("split")) for event in events)
    lines = {
        split: line_of([event for event in events if event.get("split") == split], name)
        for split in splits
    }
    return {split: line for split, line in lines.items() if line is not None}


def _draw_noisy(axes: Axes, line: Line, *, color: str, label: str, style: str = "-") -> None:
    """Draw a series of single steps: faint as it is, and over it its moving mean."""
    steps, values = grouped(line)
    if len(steps) <= _FEW:
        axes.plot(steps, values, color=color, label=label, linestyle=style, marker="o")
        return
    axes.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
    window = np.ones(max(3, len(steps) // 12 | 1))
    near = np.convolve(np.ones_like(values), window, mode="same")
    mean = np.convolve(values, window, mode="same") / near
    axes.plot(steps, mean, color=color, label=label, linestyle=style)


def grouped(line: Line, *, most: int = _MOST) -> Line:
    """Average neighbouring points until there are at most so many to draw."""
    steps, values = line
    together = -(-len(steps) // most)
    edges = np.arange(0, len(steps), together)
    sizes = np.diff(np.append(edges, len(steps)))
    return np.add.reduceat(steps, edges) / sizes, np.add.reduceat(values, edges) / sizes


def _ring(axes: Axes, steps: Values, values: Values, *, color: str) -> None:
    """Mark the checkpoint that was kept."""
    axes.plot(
        steps,
        values,
        color=color,
        marker="o",
        markersize=11,
        markerfacecolor="none",
        linestyle="none",
        label="kept checkpoint",
    )


def _marker(steps: Values) -> str:
    return "o" if len(steps) <= _FEW else ""


def _superscript(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _dress(axes: Axes, record: RunRecord) -> None:
    """Give every curve the same steps from left to right, and a legend."""
    last = max(event.get("step", 0) for event in record.events)
    axes.set_xlim(0, last * 1.02 or None)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    add_legend(axes)
