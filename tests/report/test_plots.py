"""All plots of a run: those for which it has numbers."""

from dataclasses import replace

from loratory.report.account import accounted
from loratory.report.plots import draw_plots
from loratory.report.record import RunResult


def test_a_complete_run_has_every_plot(record):
    plots = draw_plots(*accounted(record))
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


def test_questions_have_plots_of_their_own(spans):
    plots = draw_plots(*accounted(spans))
    assert list(plots)[-4:] == ["length", "no_answer", "threshold", "calibration"]
    assert "confusion" not in plots


def test_a_base_as_it_is_has_no_curves(written):
    assert list(draw_plots(*accounted(written))) == ["no_answer", "calibration"]


def test_texts_have_curves_and_no_answers(texts):
    assert list(draw_plots(*accounted(texts))) == [
        "baselines", "loss", "metric", "gradient_norm", "learning_rate"
    ]  # fmt: skip
