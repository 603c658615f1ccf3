"""Which of two values is the better one."""

import pytest

from loratory.metrics.direction import is_better, lower_is_better
from loratory.tasks.classify import Classify
from loratory.tasks.label_words import LabelWords
from loratory.tasks.text import PlainText
from loratory.tasks.written_qa import WrittenQA

FALLING = ["perplexity", "bits_per_byte", "nats_per_token", "false_no_answer"]
RISING = ["accuracy", "f1", "exact_match", "bleu_1", "matthews_correlation", "no_answer_accuracy"]


@pytest.mark.parametrize("metric", FALLING)
def test_of_these_the_smaller_value_is_the_better(metric):
    assert lower_is_better(metric)
    assert is_better(metric, 0.1, 0.2)
    assert not is_better(metric, 0.2, 0.1)


@pytest.mark.parametrize("metric", RISING)
def test_of_all_others_the_larger_value_is_the_better(metric):
    assert not lower_is_better(metric)
    assert is_better(metric, 0.2, 0.1)
    assert not is_better(metric, 0.1, 0.2)


@pytest.mark.parametrize("metric", [*FALLING, *RISING])
def test_of_equals_neither_is_better(metric):
    assert not is_better(metric, 0.5, 0.5)


def test_what_falls_is_a_metric_of_some_task():
    tasks = (Classify, LabelWords, PlainText, WrittenQA)
    assert {*FALLING} <= {metric for task in tasks for metric in task.metrics}
