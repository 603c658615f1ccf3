"""Charts of the answers: legible for two classes, possible for many."""

import numpy as np
import pytest

from loratory.metrics.calibration import Calibration, ReliabilityBin
from loratory.report.canvas import plot_style
from loratory.report.charts import Wording, baseline_chart, confusion_chart, reliability_chart
from loratory.report.record import BaselineScores


@pytest.fixture(autouse=True)
def _style():
    with plot_style():
        yield


def test_every_cell_tells_its_rows_and_their_share():
    plot = confusion_chart(np.array([[1461, 487], [3, 57]]), ["negative", "positive"])
    for words in ("1,461", "487", "75\u202f%", "5\u202f%", "negative", "predicted", "target"):
        assert words in plot.svg
    assert "75.6\u202f% on the diagonal" in plot.text


def test_a_class_without_rows_is_no_obstacle():
    assert confusion_chart(np.array([[5, 0], [0, 0]]), ["a", "b"]).png


@pytest.mark.parametrize("classes", [5, 12, 60])
def test_many_classes_keep_their_names(classes):
    labels = [f"class {number}" for number in range(classes)]
    plot = confusion_chart(np.eye(classes, dtype=int), labels)
    assert all(f">{label}<" in plot.svg for label in labels)


def test_a_long_name_is_cut_and_not_the_matrix():
    plot = confusion_chart(np.eye(2, dtype=int), ["short", "long " * 50])
    assert "long long long long lon…" in plot.svg


def test_the_calibration_shows_its_bins_from_the_least_confident_on():
    bins = (ReliabilityBin(0.6, 0.667, 3, 0.65, 0.5), ReliabilityBin(0.9, 1.0, 9, 0.97, 0.9))
    plot = reliability_chart(Calibration(0.0391, 0.1, bins))
    assert "error 3.9\u202f%" in plot.text
    for words in ("confidence (%)", "accuracy (%)", "rows", "as sure as right"):
        assert words in plot.svg


def test_a_confusion_matrix_may_be_of_something_else():
    wording = Wording("Doors", target="is", prediction="seems", name="doors")
    plot = confusion_chart(np.eye(2, dtype=int), ["open", "shut"], wording)
    assert plot.name == "doors"
    assert plot.text.startswith("Doors; ")
    assert all(f">{word}<" in plot.svg for word in ("Doors", "is", "seems"))


def test_the_calibration_names_what_counts_as_right():
    plot = reliability_chart(
        Calibration(0.1, 0.1, (ReliabilityBin(0.6, 0.667, 3, 0.65, 0.5),)), right="exact match"
    )
    assert "exact match (%)" in plot.svg
    assert plot.text.startswith("Exact match against confidence")


def test_the_model_stands_beside_every_baseline(record):
    plot = baseline_chart(record)
    assert plot.text == (
        "accuracy of this model: 87.5\u202f%; TF-IDF + logistic regression: 50.0\u202f%; "
        "majority class: 50.0\u202f%."
    )
    assert "accuracy (%), with 95 % interval" in plot.svg


def test_the_untuned_base_is_the_models_own_colour_not_filled(texts):
    plot = baseline_chart(texts)
    assert "untuned base: " in plot.text
    assert "perplexity (lower is better), with 95 % interval" in plot.svg
    assert plot.svg.lower().count("fill: #ffffff; stroke: #0072b2") >= 1


def test_baselines_far_off_leave_the_model_its_place(texts, changed):
    value = texts.result.metrics["perplexity"]
    far = BaselineScores(name="untuned base", metrics={"perplexity": value * 1000})
    plot = baseline_chart(changed(texts, baselines={"validation": [far]}))
    assert ">10,000<" in plot.svg
    assert ">100<" in plot.svg


def test_without_baselines_there_is_nothing_to_stand_beside(changed):
    assert baseline_chart(changed(baselines={})) is None
