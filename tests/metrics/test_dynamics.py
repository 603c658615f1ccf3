"""Where training went: means and spreads by hand, and what decides about a row's region."""

import pytest

from loratory.metrics.dynamics import row_courses
from loratory.runs.dynamics import RowState


def states(**confidences):
    """Return states of rows by their confidence in each epoch; above 1/2 is right."""
    return [
        (epoch, RowState(row, 1 - value, value, value > 0.5))
        for row, values in confidences.items()
        for epoch, value in enumerate(values, start=1)
    ]


def test_means_and_spread_are_over_the_epochs():
    (course,) = row_courses(states(a=(0.2, 0.6, 0.7)))
    assert (course.epochs, course.confidence) == (3, pytest.approx(0.5))
    assert course.variability == pytest.approx((0.14 / 3) ** 0.5)
    assert (course.correctness, course.loss) == (pytest.approx(2 / 3), pytest.approx(0.5))


def test_of_pieces_an_epoch_counts_the_mean():
    pieces = [(1, RowState("a", 1.0, 0.2, right=False)), (1, RowState("a", 3.0, 0.4, right=True))]
    (course,) = row_courses([*pieces, (2, RowState("a", 4.0, 0.5, right=True))])
    assert (course.epochs, course.loss) == (2, pytest.approx(3.0))
    assert course.confidence == pytest.approx(0.4)
    assert course.correctness == pytest.approx(0.75)


LEARNED = {f"good{number}": (0.8, 0.9) for number in range(5)}


@pytest.mark.parametrize(
    ("confidences", "region"),
    [
        ((0.8, 0.9), "easy"),
        ((0.5, 0.5), "easy"),
        ((0.9, 0.4), "ambiguous"),
        ((0.1, 0.6), "ambiguous"),
        ((0.3, 0.4), "hard"),
        ((0.1, 0.2), "suspect"),
        ((0.24, 0.24), "suspect"),
    ],
)
def test_a_row_is_of_the_region_that_its_course_says(confidences, region):
    found = {course.id: course.region for course in row_courses(states(row=confidences, **LEARNED))}
    assert found["row"] == region


def test_where_other_answers_are_right_too_a_row_is_unusual_and_not_suspect():
    rows = states(row=(0.1, 0.2), **LEARNED)
    found = {course.id: course.region for course in row_courses(rows, one_answer=False)}
    assert (found.pop("row"), {*found.values()}) == ("unusual", {"easy"})


def test_where_little_was_learned_no_row_is_called_mislabelled():
    rows = {f"row{number}": (0.05, 0.05) for number in range(5)}
    assert {course.region for course in row_courses(states(**rows))} == {"hard"}


def test_the_most_suspicious_come_first():
    rows = row_courses(states(a=(0.5, 0.5), b=(0.1, 0.1), c=(0.9, 0.8)))
    assert [course.id for course in rows] == ["b", "a", "c"]


def test_a_single_epoch_has_no_spread_and_is_ranked_by_loss():
    one = [(1, RowState("a", 0.3, 0.9, right=True)), (1, RowState("b", 2.0, 0.95, right=True))]
    courses = row_courses(one)
    assert [(c.id, c.variability, c.region) for c in courses] == [
        ("b", None, None),
        ("a", None, None),
    ]
    assert row_courses([]) == []
