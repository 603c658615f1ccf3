"""The ladder's plot and page: every rung, measured or missing, and nothing that is loaded."""

import re

import pytest

from loratory.report.ladder import draw_ladder, ladder_page

COST = {"bytes": 2_500_000, "latency_ms": 3.0, "rows_per_second": 40.0, "missing": None}
SCORED = {"value": 0.82, "interval": [0.8, 0.84]}
APART = {"difference": -0.01, "difference_interval": [-0.03, 0.01], "p_value": 0.25}
FOUND = {
    "run": "runs/<b>words</b>",
    "name": None,
    "base": "small",
    "metric": "accuracy",
    "rows": 1200,
    "split": "test",
    "environment": {"processor": "a processor", "threads_used": 2},
    "rungs": [
        {"name": "base", **COST, "value": None, "interval": None},
        {"name": "tuned, float32", **COST, **SCORED},
        {"name": "int8, after training", **COST, **SCORED, **APART},
        {"name": "int4, trained for it", "missing": "no run was given"},
    ],
    "pairs": [
        {"a": "one", "b": "other", "difference": 0.01, "interval": [-0.01, 0.03], "p_value": 0.5}
    ],
}


@pytest.fixture(scope="module")
def page():
    return ladder_page(FOUND, draw_ladder(FOUND))


def test_every_rung_is_on_the_page(page):
    for words in ("tuned, float32", "0.820 [0.800, 0.840]", "-0.0100 (p 0.250)", "2.5", "40"):
        assert words in page
    assert "no run was given" in page
    assert "one against other: +0.0100 [-0.0100, +0.0300], p 0.500" in page


def test_the_page_is_one_file_and_escapes_what_it_is_given(page):
    assert "<b>words</b>" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_ends_that_one_row_leaves_open_are_called_unknown():
    alone = {"name": "tuned, float32", **COST, "value": 0.82, "interval": [0.0, None]}
    pair = FOUND["pairs"][0] | {"interval": [None, None]}
    found = {**FOUND, "rungs": [alone], "pairs": [pair]}
    page = ladder_page(found, draw_ladder(found))
    assert "0.820 [0.000, unknown]" in page
    assert "+0.0100 [unknown, unknown], p 0.500" in page


def test_the_plot_shows_what_was_scored():
    plot = draw_ladder(FOUND)
    assert plot.text == "accuracy of 2 ways to ship the model"
    assert "int8, after training" in plot.svg
    assert "int4, trained for it" not in plot.svg
