"""Writes the report into a run folder."""

from dataclasses import replace
from pathlib import Path

from loratory.errors import DataError
from loratory.metrics.evaluate import ClassificationScores, evaluate_classification
from loratory.report.page import render_page
from loratory.report.plots import draw_plots
from loratory.report.read import read_run
from loratory.report.record import RunRecord
from loratory.runs.atomic import write_file


def write_report(run_dir: Path) -> Path:
    """Write `report.html` and `plots/*.png` from the run folder alone; return the page's path."""
    record, scores = _scored(read_run(run_dir))
    plots = draw_plots(record, scores)
    (run_dir / "plots").mkdir(exist_ok=True)
    for name, plot in plots.items():
        write_file(run_dir / "plots" / f"{name}.png", plot.png)
    page = run_dir / "report.html"
    write_file(page, render_page(record, scores, plots))
    return page


def _scored(record: RunRecord) -> tuple[RunRecord, ClassificationScores | None]:
    """Return the scores of the headline's predictions, or None and the record that says why."""
    if record.split is None:
        return record, None
    name = f"predictions/{record.split}.jsonl"
    lines = record.predictions.get(record.split)
    if lines:
        try:
            return record, evaluate_classification(lines, record.labels)
        except DataError as error:
            problem = f"{name} cannot be scored: {error.headline}"
    elif any(name in problem for problem in record.problems):
        return record, None
    else:
        problem = f"{name} is not there: no confusion matrix, no calibration, no mistakes."
    return replace(record, problems=(*record.problems, problem)), None
