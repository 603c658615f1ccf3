"""Where training went: the map of the training rows, and those that look wrong.

Swayamdipta et al. 2020, arXiv:2009.10795: confidence against its spread over the epochs.
"""

from collections import Counter
from collections.abc import Mapping

from loratory.metrics.dynamics import REGIONS, Region
from loratory.report.canvas import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    Plot,
    add_legend,
    finished,
    new_axes,
)
from loratory.report.formats import NOTHING, count, decimal, percent, probability
from loratory.report.record import RunRecord
from loratory.report.tables import Cell, Table

_ROWS = 12  # of the table
_LONGEST = 160  # characters
_LOOKS: dict[Region, tuple[str, str]] = {
    "easy": (BLUE, "o"),
    "ambiguous": (ORANGE, "^"),
    "hard": (GREY, "s"),
    "suspect": (VERMILION, "X"),
    "unusual": (VERMILION, "X"),
}
_MEANINGS = {
    "easy": "easy",
    "ambiguous": "ambiguous",
    "hard": "hard",
    "suspect": "probably mislabelled",
    "unusual": "unusual",
}


def map_chart(record: RunRecord) -> Plot | None:
    """Draw each row's confidence against its spread; None where there was one epoch or none."""
    regions = _regions(record)
    if not regions:
        return None
    axes = new_axes(
        height=3.6,
        title="Training rows",
        x="spread of it over the epochs (standard deviation)",
        y="mean probability of the right answer",
    )
    axes.figure.set_dpi(200)  # of the pixels below
    for region, (color, marker) in _LOOKS.items():
        courses = [e.course for e in record.examples if e.course.region == region]
        if courses:
            # As pixels: a data set has more rows than a page has room for shapes.
            axes.scatter(
                [course.variability or 0.0 for course in courses],
                [course.confidence for course in courses],
                s=14,
                c=color,
                marker=marker,
                alpha=0.6,
                linewidths=0,
                label=f"{_MEANINGS[region]} ({count(len(courses))})",
                rasterized=True,
            )
    axes.set_xlim(-0.01, max(0.3, *(e.course.variability or 0.0 for e in record.examples)) + 0.01)
    axes.set_ylim(-0.02, 1.02)
    add_legend(axes)
    shares = ", ".join(f"{_MEANINGS[name]} {count(rows)}" for name, rows in regions.items())
    return finished(axes, name="training_map", text=f"Training rows by their course: {shares}.")


def map_note(record: RunRecord) -> str:
    """Say what the map and the table under it show."""
    if not record.examples:
        return ""
    rows = count(len(record.examples))
    regions = _regions(record)
    if not regions:
        return (
            f"{rows} training rows, each met in one epoch: how an answer varies needs two or more, "
            "so that there is no map. Below are the rows of the highest loss; examples.csv has all."
        )
    return (
        f"How likely the right answer of each of {rows} training rows was as an epoch came to it, "
        f"before the update{_verdict(record, regions)}. Below are the rows of the lowest "
        "probability; examples.csv has all."
    )


def _verdict(record: RunRecord, regions: Mapping[Region, int]) -> str:
    """Say how many rows look mislabelled, where a row has one right answer and so a label."""
    if record.reads != "labelled" and record.task != "span_qa":
        return ""
    suspects = regions.get("suspect", 0)
    if not suspects:
        return ": none looks mislabelled"
    return (
        f": {count(suspects)} ({percent(suspects / len(record.examples))}) were never answered "
        "rightly, and are probably mislabelled"
    )


def suspicious_table(record: RunRecord) -> Table | None:
    """Return the most suspicious rows, as examples.csv has them first."""
    if not record.examples:
        return None
    rows = tuple(
        (
            Cell(_beginning(example.text), example.course.id),
            Cell(_beginning(example.label) or NOTHING),
            Cell(probability(example.course.confidence), _spread(example.course.variability)),
            Cell(decimal(example.course.loss)),
            Cell(_MEANINGS[example.course.region] if example.course.region else NOTHING),
        )
        for example in record.examples[:_ROWS]
    )
    return Table("", ("text", "its answer", "probability", "loss", "region"), rows)


def _regions(record: RunRecord) -> dict[Region, int]:
    found = Counter(example.course.region for example in record.examples)
    return {region: found[region] for region in REGIONS if found[region]}


def _spread(variability: float | None) -> str:
    return "" if variability is None else f"± {decimal(variability)}"


def _beginning(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
