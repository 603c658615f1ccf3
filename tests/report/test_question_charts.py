"""Charts of answers to questions: drawn where they tell something, true to the scores."""

from dataclasses import replace

import numpy as np
import pytest

from loratory.metrics.no_answer import against_best
from loratory.report.account import accounted
from loratory.report.canvas import plot_style
from loratory.report.question_charts import decision_chart, length_chart, threshold_chart


@pytest.fixture(autouse=True)
def _style():
    with plot_style():
        yield


@pytest.fixture
def account(spans):
    return accounted(spans)[1]


def only(account, keeps):
    return replace(account, answers=tuple(filter(keeps, account.answers)))


def test_f1_is_told_by_the_words_of_the_shortest_right_answer(account):
    plot = length_chart(account)
    none = [answer.f1 for answer in account.answers if not answer.right]
    one = [answer.f1 for answer in account.answers if answer.right]
    assert (
        f"none: {100 * np.mean(none):.1f}\u202f%; 1: {100 * np.mean(one):.1f}\u202f%." in plot.text
    )
    assert ">30<" in plot.svg


def test_few_questions_or_questions_alike_say_nothing_by_length(account):
    assert length_chart(only(account, lambda answer: answer.right)) is None
    assert length_chart(replace(account, answers=account.answers[:19])) is None
    assert length_chart(replace(account, answers=account.answers[:20])) is not None
    hopeless = tuple(replace(answer, f1=0.0) for answer in account.answers)
    assert length_chart(replace(account, answers=hopeless)) is None


def test_the_decision_for_no_answer_counts_what_was_given_and_what_was_right(account):
    plot = decision_chart(account)
    right = np.mean([answer.declined != bool(answer.right) for answer in account.answers])
    assert f"{100 * right:.1f}\u202f% on the diagonal" in plot.text


def test_questions_of_one_kind_leave_nothing_to_decide(account):
    for keeps in (lambda answer: answer.right, lambda answer: not answer.right):
        part = only(account, keeps)
        assert decision_chart(part) is None
        assert threshold_chart(part, 0.42) is None


def test_the_chosen_threshold_is_marked_where_there_is_one(account):
    assert "42.0\u202f% was chosen" in threshold_chart(account, 0.42).text
    assert ">chosen<" in threshold_chart(account, 0.42).svg
    assert ">chosen<" not in threshold_chart(account, None).svg


def test_at_the_chosen_threshold_f1_is_that_of_the_result(account, spans):
    plot = threshold_chart(account, spans.result.settled["no_answer_threshold"])
    assert f"where it is {spans.result.metrics['f1'] * 100:.1f}\u202f%" in plot.text


def test_a_probability_at_the_threshold_is_not_above_it(account):
    sure = account.answers[0]
    assert not sure.right
    there = account.answers[1]
    pair = replace(account, answers=(sure, there))
    none = against_best(sure.line.scores)
    assert pair.answered(sure).f1 == 0
    at, below = threshold_chart(pair, none), threshold_chart(pair, none - 1e-6)
    assert "where it is 50.0" in at.text
    assert "where it is 100.0" in below.text


def test_at_the_ends_of_the_thresholds_nothing_or_everything_is_answered(account):
    right = np.array([bool(answer.right) for answer in account.answers])
    assert f"where it is {(~right).mean() * 100:.1f}\u202f%" in threshold_chart(account, 0.0).text
    spoken = np.mean([account.answered(answer).f1 for answer in account.answers])
    assert f"where it is {spoken * 100:.1f}\u202f%" in threshold_chart(account, 1.0).text


def test_a_threshold_beyond_the_axis_is_marked_at_its_end(account):
    assert ">chosen<" in threshold_chart(account, 0.0).svg
    assert ">chosen<" in threshold_chart(account, 1.0).svg


def test_without_a_probability_of_no_answer_there_is_no_threshold(written):
    assert threshold_chart(accounted(written)[1], None) is None
