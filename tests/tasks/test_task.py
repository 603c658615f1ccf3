"""The protocol: which tasks have something to choose after training."""

import pytest

from loratory.tasks.classify import Classify
from loratory.tasks.label_words import LabelWords
from loratory.tasks.span_qa import SpanQA
from loratory.tasks.task import Settling
from loratory.tasks.text import PlainText
from loratory.tasks.written_qa import WrittenQA


@pytest.mark.parametrize(
    ("kind", "settles"),
    [
        (Classify, True),
        (LabelWords, True),
        (SpanQA, True),
        (WrittenQA, False),
        (PlainText, False),
    ],
)
def test_what_has_a_threshold_or_a_temperature_is_left_something_to_choose(kind, settles):
    assert isinstance(kind.__new__(kind), Settling) == settles
