"""Writes the report into a run folder."""

from pathlib import Path

from loratory.report.account import accounted
from loratory.report.page import render_page
from loratory.report.plots import draw_plots
from loratory.report.read import read_run
from loratory.runs.atomic import write_file


def write_report(run_dir: Path) -> Path:
    """Write `report.html` and `plots/*.png` from the run folder alone; return the page's path."""
    record, account = accounted(read_run(run_dir))
    plots = draw_plots(record, account)
    (run_dir / "plots").mkdir(exist_ok=True)
    for name, plot in plots.items():
        write_file(run_dir / "plots" / f"{name}.png", plot.png)
    page = run_dir / "report.html"
    write_file(page, render_page(record, account, plots))
    return page
