"""The curves of a comparison: as smooth as they say, and each entry in a look of its own."""

import json

import numpy as np

from loratory.experiments.compare import compare
from loratory.report.canvas import plot_style
from loratory.report.compare_curves import COLORED, entry_style, evaluation_curves, smoothed


def test_a_smoothing_is_the_mean_over_so_much_of_the_steps():
    steps, values = np.arange(100.0), np.random.default_rng(0).random(100)
    assert np.array_equal(smoothed((steps, values), 0)[1], values)
    # Ten percent of a hundred steps, and one for the middle.
    assert smoothed((steps, values), 10)[1][50] == np.mean(values[45:56])
    assert smoothed((steps, values), 10)[1][0] == np.mean(values[:6])


def test_every_entry_with_a_colour_differs_in_its_line_too():
    styles = [entry_style(place) for place in range(COLORED)]
    assert len({style["color"] for style in styles}) == COLORED
    assert len({str(style["linestyle"]) for style in styles}) == COLORED


def test_runs_that_were_never_evaluated_on_the_way_have_no_such_curve(make_run):
    run = make_run("a", 0.9)
    lines = (run / "log.jsonl").read_text().splitlines(keepends=True)
    (run / "log.jsonl").write_text("".join(line for line in lines if "evaluation" not in line))
    with plot_style():
        assert evaluation_curves(compare([run])) == []


def test_evaluations_from_before_a_threshold_say_so(make_run):
    run = make_run("a", 0.9)
    result = json.loads((run / "result.json").read_text())
    result["settled"] = {"no_answer_threshold": 0.4}
    (run / "result.json").write_text(json.dumps(result))
    with plot_style():
        loss, metric = evaluation_curves(compare([run]))
    assert "Validation accuracy, before the threshold was chosen" in metric.svg
    assert "threshold" not in loss.svg
