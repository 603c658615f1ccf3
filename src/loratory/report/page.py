"""The page: everything about a run in one HTML file that loads nothing and runs nothing."""

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from loratory.metrics.evaluate import ClassificationScores
from loratory.report.canvas import Plot
from loratory.report.formats import count, moment, percent
from loratory.report.headline import facts, headline, title
from loratory.report.record import RunRecord
from loratory.report.tables import costs, data_table, mistakes, score_table

_TRAINING_PLOTS = ("loss", "metric", "gradient_norm", "learning_rate")
_PREDICTION_PLOTS = ("confusion", "calibration")


def render_page(
    record: RunRecord, scores: ClassificationScores | None, plots: Mapping[str, Plot]
) -> str:
    """Return the page of a run.

    `scores` are those of the predictions on the headline's split, None where there are none.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["image"] = _image
    lines = record.predictions.get(record.split or "", [])
    wrong = sum(line.target not in (None, line.prediction) for line in lines)
    return environment.get_template("page.html").render(
        title=title(record),
        run=record.name,
        finished=bool(record.result.metrics),
        written=_started(record),
        facts=facts(record),
        warnings=_warnings(record),
        headline=headline(record),
        baselines=plots.get("baselines"),
        score_tables=[
            score_table(
                record,
                split,
                calibration=scores.calibration if scores and split == record.split else None,
            )
            for split in sorted(record.evaluations, key=lambda split: split != record.split)
        ],
        notes=_notes(record),
        costs=costs(record),
        training_plots=[plots[name] for name in _TRAINING_PLOTS if name in plots],
        prediction_plots=[plots[name] for name in _PREDICTION_PLOTS if name in plots],
        split=record.split,
        answers=count(len(lines)),
        wrong=count(wrong),
        mistakes=mistakes(lines),
        data=data_table(record),
        recipe=record.recipe_text,
        environment=json.dumps(record.environment, indent=2, ensure_ascii=False),
    )


def _image(plot: Plot) -> str:
    """Return a drawing as the address of an image that needs no file."""
    return f"data:image/svg+xml;base64,{b64encode(plot.svg.encode()).decode()}"


def _started(record: RunRecord) -> str:
    times = [event["time"] for event in record.events if isinstance(event.get("time"), int | float)]
    return moment(times[0]) if times else ""


def _warnings(record: RunRecord) -> list[str]:
    logged = [str(event.get("message")) for event in record.events_of("warning")]
    return list(dict.fromkeys([*record.result.warnings, *logged, *record.problems]))


def _notes(record: RunRecord) -> str:
    """Say what the numbers of the score tables are."""
    notes = []
    if len(record.labels) == 2:  # noqa: PLR2004 - a negative and a positive class
        notes.append(f"Precision, recall and F1 are those of the class “{record.labels[-1]}”.")
    elif record.labels:
        notes.append("Precision, recall and F1 are means over the classes.")
    if record.evaluation.intervals:
        notes.append("Under each value its 95 % bootstrap interval.")
    return " ".join(notes)
