"""What a comparison says, as pictures: differences, fronts, and what each setting does."""

from collections.abc import Mapping, Sequence
from math import inf
from textwrap import shorten
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from loratory.recipe.sweep import in_words, shown
from loratory.report.canvas import BLUE, GREY, INK, Plot, finished, new_axes, spread
from loratory.report.compare_curves import COLORED, entry_style, legend_below
from loratory.report.comparison import Comparison, Entry, Pair
from loratory.report.formats import NOTHING, metric_axis, metric_name, metric_scale

_MOST_PAIRS = 15
_LONGEST_LABEL = 60  # characters that fit below a chart
_MARKERS = "osD^vP"  # of the entries that have a colour
_COSTS = {
    "seconds": "training time (s)",
    "trainable_parameters": "trainable parameters",
    "peak_memory_mb": "peak memory (MB)",
    "adapter_bytes": "adapter size (bytes)",
}


def difference_chart(found: Comparison) -> Plot | None:
    """Draw how far entries are apart, with 95 % intervals: all pairs, or those with the best."""
    pairs = shown_pairs(found)
    if not pairs:
        return None
    scale = metric_scale(found.metric)
    unit = f"difference of {metric_axis(found.metric).replace('%', 'points')}"
    axes = new_axes(height=0.9 + 0.42 * len(pairs), title="", x=unit, y="")
    for height, pair in enumerate(reversed(pairs)):
        color = BLUE if pair.differs else GREY
        ends = [end * scale for end in pair.interval]
        axes.plot(ends, [height, height], color=color, linewidth=2.5, solid_capstyle="butt")
        inside = color if pair.differs else "white"
        axes.plot(pair.difference * scale, height, color=color, mfc=inside, marker="o")
    axes.axvline(0, color=INK, linewidth=0.8)
    names = [f"{pair.a.label}\nless {pair.b.label}" for pair in reversed(pairs)]
    axes.set_yticks(range(len(pairs)), names, fontsize=7.5)
    axes.set_ylim(-0.6, len(pairs) - 0.4)
    axes.grid(visible=False, axis="y")
    sure = sum(pair.differs for pair in pairs)
    return finished(
        axes, name="differences", text=f"Differences of {len(pairs)} pairs; {sure} are significant."
    )


def shown_pairs(found: Comparison) -> list[Pair]:
    """Return all pairs; of many, those with the best entry."""
    if len(found.pairs) <= _MOST_PAIRS:
        return [*found.pairs]
    return [pair for pair in found.pairs if pair.a.run == found.entries[0].run][:_MOST_PAIRS]


def front_chart(found: Comparison, cost: str) -> Plot | None:
    """Draw the metric against a cost, unless it is one for all; what is beaten is hollow."""
    if cost not in found.fronts or len({entry.costs[cost] for entry in found.entries}) == 1:
        return None
    front = {entry.run for entry in found.fronts[cost]}
    title = f"{metric_name(found.metric)} for its {_COSTS[cost].split(' (')[0]}"
    axes = new_axes(
        height=2.8, title=title[0].upper() + title[1:], x=_COSTS[cost], y=metric_axis(found.metric)
    )
    scale = metric_scale(found.metric)
    for place, entry in reversed([*enumerate(found.entries)]):
        color = entry_style(place)["color"]
        at, value = entry.costs[cost], entry.value * scale
        _interval(axes, at, entry, scale, color=color)
        inside = color if entry.run in front else "white"
        look = {"marker": _MARKERS[place] if place < COLORED else ".", "color": color}
        label = entry.label if place < COLORED else None
        axes.plot(at, value, mfc=inside, markersize=7, linestyle="none", label=label, **look)
        if place >= COLORED:
            _number(axes, place + 1, at, value)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    spread(axes, [entry.costs[cost] for entry in found.entries], along="x")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axes.margins(x=0.08, y=0.12)
    legend_below(axes)
    names = ", ".join(entry.label for entry in found.fronts[cost])
    return finished(axes, name=f"front_{cost}", text=f"{title}; not beaten: {names}.")


def _number(axes: Axes, number: int, x: float, y: float) -> None:
    """Name a point that has no colour by its row in the table of runs."""
    axes.annotate(
        str(number), (x, y), xytext=(4, 2), textcoords="offset points", fontsize=7, color=GREY
    )


def effect_charts(found: Comparison) -> list[Plot]:
    """Draw the metric over each setting that differs, entries alike in all others joined."""
    return [_effect_chart(found, key) for key in found.entries[0].settings]


def _effect_chart(found: Comparison, key: str) -> Plot:
    scale = metric_scale(found.metric)
    axes = new_axes(height=2.7, title=key, x="", y=metric_axis(found.metric))
    at = setting_places(axes, [entry.settings[key] for entry in found.entries])
    axes.margins(x=0.15)
    groups = alike_groups(found.entries, key)
    for place, (label, group) in reversed([*enumerate(groups)]):
        own = sorted(group, key=lambda entry: at[_value(entry.settings[key])])
        xs = [at[_value(entry.settings[key])] for entry in own]
        style = entry_style(place)
        for x, entry in zip(xs, own, strict=True):
            _interval(axes, x, entry, scale, color=style["color"])
        if len(groups) > 1 and place < COLORED:
            style["label"] = label
        axes.plot(xs, [entry.value * scale for entry in own], marker="o", **style)
    if len(groups) > 1:
        legend_below(axes)
    text = "; ".join(f"{_value(entry.settings[key])}: {entry.value:.3f}" for entry in found.entries)
    return finished(axes, name=f"effect_{key}", text=f"{found.metric} by {key}: {text}.")


def setting_places(axes: Axes, values: Sequence[Any]) -> dict[str, float]:
    """Mark a setting's values on the x axis and return where: numbers alone by how large they are.

    Others have one place each: numbers first, in order, and last what has no such setting.
    """
    if all(map(_is_number, values)):
        at: dict[str, float] = {shown(value): float(value) for value in values}
        spread(axes, at.values(), along="x")
        axes.set_xticks([*at.values()], [*at])
        axes.minorticks_off()
        return at

    def order(value: Any) -> tuple[bool, bool, float, str]:
        number = float(value) if _is_number(value) else inf
        return value is None, number == inf, number, _value(value)

    ordered = [*dict.fromkeys(_value(value) for value in sorted(values, key=order))]
    axes.set_xticks(range(len(ordered)), ordered, fontsize=7)
    return {text: float(number) for number, text in enumerate(ordered)}


def alike_groups(entries: Sequence[Entry], key: str) -> list[tuple[str, list[Entry]]]:
    """Return the entries that are alike in all other settings, named by what tells them apart."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(str(_rest(entry, key)), []).append(entry)
    rests = [_rest(group[0], key) for group in groups.values()]
    telling: list[str] = []
    # Much of what a method has of its own comes with its kind, and tells no more than that does.
    for name in rests[0]:
        if _told_apart(rests, [*telling, name]) > _told_apart(rests, telling):
            telling.append(name)
    labels = [
        in_words({name: rest[name] for name in telling if rest[name] is not None}) for rest in rests
    ]
    return [
        (shorten(label, _LONGEST_LABEL, placeholder=" …") or NOTHING, group)
        for label, group in zip(labels, groups.values(), strict=True)
    ]


def _told_apart(rests: Sequence[Mapping[str, Any]], names: Sequence[str]) -> int:
    return len({str([rest[name] for name in names]) for rest in rests})


def _rest(entry: Entry, key: str) -> dict[str, Any]:
    return {other: value for other, value in entry.settings.items() if other != key}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(value: Any) -> str:
    return NOTHING if value is None else shown(value)


def _interval(axes: Axes, x: float, entry: Entry, scale: int, *, color: Any) -> None:
    axes.plot([x, x], [end * scale for end in entry.interval], color=color, alpha=0.6, linewidth=1)
