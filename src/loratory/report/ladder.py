"""The ladder as a plot and as a page: what each way to ship a model gains, loses and costs."""

from collections.abc import Mapping
from math import nan
from typing import Any

from loratory.report.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Plot,
    finished,
    new_axes,
    plot_style,
)
from loratory.report.formats import bracketed
from loratory.report.rendered import rendered

_MEGABYTE = 1_000_000
_COLOURS = {"after training": ORANGE, "trained for it": GREEN, "float32": BLUE}


def draw_ladder(found: Mapping[str, Any]) -> Plot:
    """Draw each rung's metric, with its interval, from the largest down; its size stands beside."""
    rungs = [rung for rung in found["rungs"] if rung.get("value") is not None]
    metric = found["metric"]
    with plot_style():
        height = 0.9 + 0.36 * len(rungs)
        axes = new_axes(height=height, title=f"{metric} of what may be shipped", x=metric, y="")
        for place, rung in enumerate(rungs):
            (low, high), value = rung["interval"], rung["value"]
            colour = _COLOURS.get(rung["name"].rpartition(", ")[2], GREY)
            reach = [[_reach(value, low)], [_reach(high, value)]]
            axes.errorbar([value], [place], xerr=reach, fmt="o", color=colour, capsize=2)
        axes.set_yticks(range(len(rungs)), [_label(rung) for rung in rungs])
        axes.invert_yaxis()
        axes.margins(y=0.1)
        text = f"{metric} of {len(rungs)} ways to ship the model"
        return finished(axes, name="ladder", text=text)


def _reach(high: float | None, low: float | None) -> float:
    """Return the length of one side of an interval; of one that is not known nothing is drawn."""
    return nan if high is None or low is None else max(high - low, 0.0)


def _label(rung: Mapping[str, Any]) -> str:
    return f"{rung['name']}\n{rung['bytes'] / _MEGABYTE:,.1f} MB, {rung['latency_ms']:,.0f} ms"


def ladder_page(found: Mapping[str, Any], plot: Plot) -> str:
    """Return the page, in one file."""
    rows = [_row(rung) for rung in found["rungs"]]
    pairs = [
        {
            **pair,
            "difference": f"{pair['difference']:+.4f}",
            "interval": bracketed(pair["interval"], decimals=4, signed=True),
            "p_value": f"{pair['p_value']:.3f}",
        }
        for pair in found["pairs"]
    ]
    return rendered("ladder.html", found=found, rows=rows, pairs=pairs, plot=plot)


def _row(rung: Mapping[str, Any]) -> dict[str, Any]:
    row = {"name": rung["name"], "missing": rung["missing"]}
    if "bytes" not in rung:
        return row
    value, apart = rung["value"], rung.get("difference")
    scored = "-" if value is None else f"{value:.3f} {bracketed(rung['interval'])}"
    difference = "-" if apart is None else f"{apart:+.4f} (p {rung['p_value']:.3f})"
    cost = [
        f"{rung['bytes'] / _MEGABYTE:,.1f}",
        f"{rung['latency_ms']:,.1f}",
        f"{rung['rows_per_second']:,.0f}",
    ]
    return {**row, "cells": [scored, difference, *cost]}
