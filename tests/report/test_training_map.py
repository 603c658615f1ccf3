"""The map of the training rows: what it draws, counts and says."""

from dataclasses import replace

from loratory.metrics.dynamics import RowCourse
from loratory.metrics.examples import Example
from loratory.report.canvas import plot_style
from loratory.report.training_map import map_chart, map_note, suspicious_table

COURSES = [
    RowCourse("train/1", 3, 0.05, 0.02, correctness=0, loss=3.0, region="suspect"),
    RowCourse("train/2", 3, 0.4, 0.3, correctness=0.5, loss=1.0, region="ambiguous"),
    RowCourse("train/3", 3, 0.9, 0.1, correctness=1, loss=0.1, region="easy"),
    RowCourse("train/4", 3, 0.95, 0.1, correctness=1, loss=0.1, region="easy"),
]


def with_examples(record, courses):
    return replace(record, examples=[Example("a text", "positive", course) for course in courses])


def test_the_map_counts_the_rows_of_each_region(record):
    with plot_style():
        plot = map_chart(with_examples(record, COURSES))
    assert plot.text.endswith("easy 2, ambiguous 1, probably mislabelled 1.")
    assert "probably mislabelled (1)" in plot.svg


def test_the_note_says_how_many_look_mislabelled(record):
    said = map_note(with_examples(record, COURSES))
    assert "1 (25.0\u202f%) were never answered rightly" in said
    assert "none looks mislabelled" in map_note(with_examples(record, COURSES[1:]))


def test_of_texts_nothing_is_said_of_labels(texts):
    unusual = with_examples(texts, [replace(COURSES[0], region="unusual"), *COURSES[1:]])
    with plot_style():
        assert "unusual 1." in map_chart(unusual).text
    assert "before the update. Below" in map_note(unusual)
    assert "label" not in map_note(unusual)
    assert suspicious_table(unusual).rows[0][-1].value == "unusual"


def test_one_epoch_has_a_table_and_says_why_there_is_no_map(record):
    once = with_examples(record, [replace(COURSES[0], epochs=1, variability=None, region=None)])
    assert map_chart(once) is None
    assert "needs two or more" in map_note(once)
    ((text, label, probability, loss, region),) = suspicious_table(once).rows
    assert (text.value, text.detail, label.value) == ("a text", "train/1", "positive")
    assert (probability.detail, loss.value, region.value) == ("", "3.000", "\N{EN DASH}")


def test_a_run_without_rows_has_none_of_it(record):
    assert map_chart(record) is None
    assert (map_note(record), suspicious_table(record)) == ("", None)
