"""All plots of a run: those for which it has numbers."""

from dataclasses import replace

from loratory.metrics.evaluate import evaluate_classification
from loratory.report.plots import draw_plots
from loratory.report.record import RunResult


def test_a_complete_run_has_every_plot(record):
    scores = evaluate_classification(record.predictions["validation"], record.labels)
    plots = draw_plots(record, scores)
    assert list(plots) == [
        "baselines",
        "loss",
        "metric",
        "gradient_norm",
        "learning_rate",
        "confusion",
        "calibration",
    ]


def test_a_run_without_numbers_has_no_plots(record):
    assert draw_plots(replace(record, result=RunResult(), events=[]), None) == {}
