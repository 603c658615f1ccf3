"""The film-review study as a table and a curve, from what `benchmarks.film_reviews` found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.keep import KEPT
from loratory.report.canvas import BLUE, ORANGE, new_figure, plot_style
from loratory.runs.json_files import read_json

FOLDER = KEPT / "film_reviews"
NUMBERS = "film_reviews.json"


def section(folder: Path = FOLDER) -> str:
    """Return what the results page says of the study; nothing where it was not made."""
    path = folder / NUMBERS
    if not path.is_file():
        return ""
    curve = "[The curve](runs/film_reviews/film_reviews.svg)."
    return f"## Film reviews that lean positive\n\n{table(read_json(path))}\n{curve}\n"


def table(found: Mapping[str, Any]) -> str:
    """Return every model's positive share, its gain over the supervised one, and its drift."""
    judge = found["judge"]["metrics"]["accuracy"]
    lines = [
        f"{found['base']}: {found['openings']} held-out openings, {found['samples']} sentences "
        f"drawn after each. The judge is right of {judge:.1%} of the sentences that it was not "
        "tuned on. Drift is KL to the supervised model, in nats a sentence.",
        "",
        "| model | positive | points above supervised | drift |",
        "| --- | --- | --- | --- |",
    ]
    for name, model in found["models"].items():
        lines.append(
            f"| {name} | {_with_interval(model, 'positive', 100, '%')} | "
            f"{_with_interval(model, 'gain', 100, '')} | {_with_interval(model, 'drift', 1, '')} |"
        )
    return "\n".join([*lines, ""])


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Draw positive share against drift, a line for each kind of model, into an .svg file."""
    with plot_style():
        figure = new_figure(height=3.4, title="Positive share against drift")
        axes = figure.add_subplot(1, 1, 1)
        for kind, colour in (("DPO", BLUE), ("positives", ORANGE)):
            points = [
                (model["means"]["drift"], model["means"]["positive"] * 100, name)
                for name, model in found["models"].items()
                if name.startswith((kind, "supervised"))
            ]
            points.sort()
            drifts, shares, _ = zip(*points, strict=True)
            axes.plot(drifts, shares, marker="o", color=colour, label=kind)
            for drift, share, name in points:
                axes.annotate(name.removeprefix(f"{kind}, "), (drift, share), fontsize=7)
        axes.set_xlabel("drift from the supervised model (nats a sentence)")
        axes.set_ylabel("judged positive (%)")
        axes.set_ylim(0, 100)
        axes.legend(loc="lower right")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _with_interval(model: Mapping[str, Any], what: str, scale: float, unit: str) -> str:
    low, high = model["intervals"][what]
    value = model["means"][what]
    return f"{value * scale:.1f}{unit} [{low * scale:.1f}, {high * scale:.1f}]"
