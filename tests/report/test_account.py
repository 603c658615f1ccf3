"""The account of a run's predictions: by the rules of its task, or a sentence that says why not."""

import math
from dataclasses import replace

import pytest

from loratory.metrics.predictions import Prediction
from loratory.report.account import ClassAccount, QuestionAccount, TextAccount, accounted
from loratory.report.record import RunResult


def of(record, *lines):
    return accounted(replace(record, predictions={"validation": [*lines]}))


def mean(values):
    return sum(values) / len(values)


def test_each_kind_of_task_has_its_own_account(record, spans, written, texts):
    kinds = [type(accounted(one)[1]) for one in (record, spans, written, texts)]
    assert kinds == [ClassAccount, QuestionAccount, QuestionAccount, TextAccount]


def test_a_task_nobody_knows_is_no_fault(record):
    other = replace(record, result=record.result.model_copy(update={"task": "juggling"}))
    assert accounted(other) == (other, None)


def test_without_an_evaluation_there_is_nothing_to_account_for(record):
    unfinished = replace(record, result=RunResult(), events=[])
    assert accounted(unfinished) == (unfinished, None)


@pytest.mark.parametrize("kind", ["record", "spans", "written", "texts"])
def test_predictions_that_are_not_there_are_named(request, kind):
    one = replace(request.getfixturevalue(kind), predictions={})
    found, account = accounted(one)
    assert account is None
    assert found.problems[-1].startswith("predictions/validation.jsonl is not there: no ")


def test_predictions_that_cannot_be_scored_are_named(spans):
    found, account = of(spans, Prediction("q", "Which?", None, "door", {}))
    assert account is None
    assert "predictions/validation.jsonl cannot be scored" in found.problems[-1]


def test_the_rows_come_to_the_scores_of_the_result(spans, written):
    found = accounted(spans)[1].answers
    metrics = spans.result.metrics
    assert mean([answer.f1 for answer in found]) == pytest.approx(metrics["f1"])
    assert mean([answer.exact_match for answer in found]) == pytest.approx(metrics["exact_match"])
    found, metrics = accounted(written)[1].answers, written.result.metrics
    there = [answer for answer in found if answer.right]
    absent = [answer for answer in found if not answer.right]
    assert mean([answer.f1 for answer in there]) == pytest.approx(metrics["f1"])
    assert mean([answer.f1 for answer in absent]) == metrics["no_answer_accuracy"]


def test_an_answer_found_in_a_context_has_the_probability_of_its_candidate(spans):
    lines = [
        Prediction("q1", "Which?", ("door",), "door", {"door": 0.7, "": 0.3}),
        Prediction("q2", "Which?", (), "", {"door": 0.2, "": 0.8}),
        Prediction("q3", "Which?", ("door",), "door", {}),
    ]
    found = of(spans, *lines)[1].answers
    assert [answer.probability for answer in found] == [0.7, 0.8, None]
    assert [answer.declined for answer in found] == [False, True, False]


def test_a_written_answer_has_that_of_its_tokens_and_declines_by_its_phrase(written):
    lines = [
        Prediction("q1", "Which?", (), "Unanswerable!", {"log_probability": -1.0, "cut": 0.0}),
        Prediction("q2", "Which?", (), "", {"log_probability": -2.0, "cut": 0.0}),
        Prediction("q3", "Which?", ("Unanswerable",), "unanswerable", {}),
    ]
    found = of(written, *lines)[1].answers
    assert [answer.probability for answer in found] == [math.exp(-1), math.exp(-2), None]
    assert [answer.declined for answer in found] == [True, False, True]
    assert [answer.exact_match for answer in found] == [1.0, 0.0, 1.0]


def test_the_calibration_is_that_of_being_exactly_right(spans):
    lines = [
        Prediction("q1", "Which?", ("door",), "door", {"door": 0.9}),
        Prediction("q2", "Which?", ("door",), "wall", {"wall": 0.9}),
    ]
    calibration = of(spans, *lines)[1].calibration
    assert calibration.expected_calibration_error == pytest.approx(0.4)
    assert calibration.brier_score == pytest.approx((0.1**2 + 0.9**2) / 2)


def test_without_every_probability_there_is_no_calibration(spans):
    lines = [
        Prediction("q1", "Which?", ("door",), "door", {"door": 0.9}),
        Prediction("q2", "Which?", ("door",), "wall", {}),
    ]
    assert of(spans, *lines)[1].calibration is None


def test_texts_without_a_token_have_no_part(texts):
    lines = [
        Prediction("t1", "text", None, "", {"nats": 2.0, "tokens": 1.0, "bytes": 4.0}),
        Prediction("t2", "", None, "", {"nats": 0.0, "tokens": 0.0, "bytes": 0.0}),
        Prediction("t3", "text", None, "", {}),
    ]
    assert [line.id for line in of(texts, *lines)[1].lines] == ["t1"]
