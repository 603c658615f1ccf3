"""The look that all plots share, and how a figure becomes a file and a part of the page.

Colours: Okabe & Ito 2008, which people with any kind of colour blindness can tell apart.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def add_level(axes: Axes, value: float, *, name: str) -> None:
    """Draw a value that the others are to be seen beside."""
    axes.axhline(value, color=GREY, linestyle=(0, (4, 2)), linewidth=1)
    axes.annotate(
        name,
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
    )


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
