"""Growth: tokens a second against the length of texts, rows of a batch, rank, and rows.

Classification of made-up texts that are all cut to one length; one setting is changed at a time.
Each point is measured once on both sides, so that single points are only about right.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.job import write_job
from benchmarks.limit import Work, training_work
from benchmarks.processes import Open, process
from benchmarks.texts import sentences, write_sentences
from benchmarks.workload import OURS, PEER, Options, Side
from loratory.report.canvas import BLUE, ORANGE, new_figure, plot_style

NAME = "growth"
LENGTHS, BATCHES, RANKS, ROWS = (16, 64, 256, 1024), (1, 4, 16, 64), (2, 8, 32, 128), (16, 64, 128)
_TOKENS = 1024  # of a point of the first kind, whatever its length
_LENGTH, _ROWS = 16, 64
_LABELS = {
    "length": "tokens of a text",
    "batch_size": "rows of a batch",
    "rank": "rank",
    "rows": "rows",
}
_SIDES = {OURS: Side("train"), PEER: Side("trainer")}


@dataclass(frozen=True)
class Point:
    """One job."""

    along: str
    """The setting that is changed."""

    value: int
    rows: int
    length: int
    settings: Mapping[str, Any]


def points(options: Options) -> list[Point]:
    """Return the jobs, setting by setting."""
    if options.quick:
        return [
            Point("length", length, 2, length, {"method.r": 2}) for length in (LENGTHS[0], 32)
        ] + [Point("rank", 4, 2, LENGTHS[0], {"method.r": 4})]
    rows = options.rows or _ROWS
    return [
        *(Point("length", n, max(2, _TOKENS // n), n, {}) for n in LENGTHS),
        *(Point("batch_size", n, rows, _LENGTH, {"training.batch_size": n}) for n in BATCHES),
        *(Point("rank", n, rows, _LENGTH, {"method.r": n}) for n in RANKS),
        *(Point("rows", n, n, _LENGTH, {}) for n in ROWS),
    ]


def measured_growth(options: Options, *, open_side: Open = process) -> dict[str, Any]:
    """Return tokens a second of both sides at each point, by the setting that is changed."""
    found: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as stack:
        asks = {name: stack.enter_context(open_side(side)) for name, side in _SIDES.items()}
        for number, point in enumerate(points(options)):
            folder = options.scratch / f"{NAME}-{number}"
            folder.mkdir(parents=True)
            work = write_point(folder, options.base, point)
            seconds = {name: ask("run", folder)["seconds"] for name, ask in asks.items()}
            rates = {name: work.tokens / taken for name, taken in seconds.items()}
            found.setdefault(point.along, []).append(
                {"value": point.value, "tokens_per_second": rates}
            )
    return {"peer": "Trainer + PEFT", "tokens_per_second": found}


def write_point(folder: Path, base: str, point: Point) -> Work:
    """Write the job of a point: texts long enough, all cut to its length."""
    few = sentences(2 * point.length, real=False)
    long = " ".join(row["text"] for row in few)[: 12 * point.length]
    # Each begins with a word of its own, or they would be one row many times.
    rows = [{"text": f"{at} {long}", "label": at % 2} for at in range(point.rows)]
    settings = {"task.max_length": point.length, "task.too_long": "truncate", **point.settings}
    started = write_job(
        folder,
        base=base,
        recipe="quickstart",
        data=write_sentences(folder, rows),
        settings=settings,
    )
    return training_work(started.tuned, started.rows)


def draw_growth(found: Mapping[str, Any], path: Path) -> None:
    """Draw the points into an .svg file, a panel for each setting."""
    panels = found["tokens_per_second"]
    with plot_style():
        figure = new_figure(height=1.9 * len(panels), title="Training: tokens a second")
        for number, (along, line) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(len(panels), 1, number)
            for name, colour in ((OURS, BLUE), (PEER, ORANGE)):
                rates = [point["tokens_per_second"][name] for point in line]
                label = found["peer"] if name == PEER else name
                values = [point["value"] for point in line]
                axes.plot(values, rates, marker="o", color=colour, label=label)
            axes.set_xscale("log", base=2)
            axes.set_xticks(values, [f"{value:,}" for value in values])
            axes.set_ylim(bottom=0)
            axes.set_xlabel(_LABELS[along])
            axes.legend(loc="lower right")
        figure.savefig(path, format="svg", metadata={"Date": None})
