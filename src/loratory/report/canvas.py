"""The look that all plots share, and how a figure becomes a file and a part of the page.

Colours: Okabe & Ito 2008, which people with any kind of colour blindness can tell apart.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
GREY = "#8A9099"
INK = "#30343B"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, INK, GREY)

_WIDTH = 4.6  # inches; half of the page on a desk, all of it on a phone
_LONG = 40  # characters of a legend, from which it takes more than one line
_NAME_HEIGHT = 0.07  # of a level's name, as a share of the axes
_WIDE = 20.0  # ratio of the largest to the smallest value from which the scale is logarithmic
_VERY_WIDE = 200.0  # ratio from which only powers of ten are marked on it
_DPI = 200
_FONT = "DejaVu Sans"  # what text is measured with; it is wider than what the page shows it in
_PAGE_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
_STYLE: dict[Any, Any] = {
    "font.family": _FONT,
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a label such as "$5-$10" is no formula
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E5E8",
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "svg.hashsalt": "loratory",
}


@dataclass(frozen=True)
class Plot:
    """A finished drawing."""

    name: str
    """Of its file, without the ending."""

    text: str
    """What it shows, for those who do not see it."""

    svg: str
    png: bytes


@contextmanager
def plot_style() -> Iterator[None]:
    """Draw in the report's look, whatever the caller has set up for plots of its own."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        # A script that the measuring font lacks is drawn by the reader's browser.
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from font", category=UserWarning
        )
        yield


def new_figure(*, height: float, title: str) -> Figure:
    """Return an empty figure."""
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return figure


def new_axes(*, height: float, title: str, x: str, y: str) -> Axes:
    """Return empty axes in a figure of their own."""
    figure = new_figure(height=height, title=title)
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return axes


def add_legend(axes: Axes) -> None:
    """Name the lines above the axes, where there are several."""
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:
        axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0, 0.98),
            ncols=5 if sum(map(len, labels)) < _LONG else 3,
            borderaxespad=0,
            columnspacing=1.2,
        )


def add_levels(axes: Axes, levels: Mapping[str, float]) -> None:
    """Draw values that the others are to be seen beside; to be called when those are drawn."""
    for value in levels.values():
        axes.axhline(value, color=GREY, linestyle=(0, (4, 2)), linewidth=1)
    axes.margins(y=0.1)  # room for the topmost name
    axes.get_ylim()  # makes the axes take up the levels, which their coordinates depend on
    to_axes = axes.transData + axes.transAxes.inverted()
    lowest = 0.0
    for name, value in sorted(levels.items(), key=lambda level: level[1]):
        height = max(float(to_axes.transform((0, value))[1]), lowest)
        lowest = height + _NAME_HEIGHT
        axes.annotate(
            name,
            (0, height),  # at the left, where a curve of evaluations has not begun
            xycoords="axes fraction",
            xytext=(2, 3),
            textcoords="offset points",
            fontsize=8,
        )


def spread(axes: Axes, values: Iterable[float], *, along: Literal["x", "y"]) -> None:
    """Make an axis logarithmic where values lie so far apart that the small ones are lost."""
    found = [*values]
    if min(found) <= 0 or (ratio := max(found) / min(found)) <= _WIDE:
        return
    if along == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis = axes.xaxis if along == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio < _VERY_WIDE else (1,)))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())


def finished(axes: Axes, *, name: str, text: str) -> Plot:
    """Return the axes' figure as a drawing."""
    figure = axes.get_figure(root=True)
    assert figure is not None, "axes that are drawn on stand in a figure"
    svg, png = BytesIO(), BytesIO()
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    figure.savefig(png, format="png", dpi=_DPI)
    return Plot(
        name, text, svg.getvalue().decode().replace(f"'{_FONT}'", _PAGE_FONTS), png.getvalue()
    )
