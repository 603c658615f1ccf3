"""The complete account of written answers: answerable and unanswerable questions apart."""

import math
from dataclasses import replace

import pytest

from loratory.errors import DataError
from loratory.metrics.bleu import corpus_bleu_1
from loratory.metrics.predictions import Prediction
from loratory.metrics.written_answers import evaluate_written_answers

PHRASE = "unanswerable"


def line(number, target, prediction):
    return Prediction(str(number), "who?", target, prediction, {})


ANSWERABLE = [
    line(0, ("the cat", "a cat"), "the cat"),
    line(1, ("a cat sat", "dog"), "cat"),
    line(2, ("cat",), "Unanswerable."),
    line(3, ("cat",), "  "),
]
UNANSWERABLE = [
    line(4, (), "unanswerable"),
    line(5, (), " UNANSWERABLE!"),
    line(6, (), "cat"),
    line(7, (), ""),
    line(8, (), "unanswerable cat"),
]


def scored(lines, phrase=PHRASE):
    return evaluate_written_answers(lines, phrase=phrase)


def test_both_kinds_of_questions_are_scored_apart():
    scores = scored(ANSWERABLE + UNANSWERABLE)
    bleu = corpus_bleu_1([row.prediction for row in ANSWERABLE], [r.target for r in ANSWERABLE])
    assert scores.metrics == pytest.approx(
        {
            "bleu_1": bleu.score,
            "exact_match": 1 / 4,
            "f1": (1 + 2 / 3) / 4,
            "false_no_answer": 1 / 4,
            "no_answer_accuracy": 2 / 5,
        }
    )
    assert scores.signature == bleu.signature
    assert scores.counts == {"questions": 9, "answerable": 4, "unanswerable": 5, "empty": 2}


def test_unanswerable_questions_change_nothing_about_the_others():
    alone, together = scored(ANSWERABLE), scored(ANSWERABLE + UNANSWERABLE)
    assert "no_answer_accuracy" not in alone.metrics
    for name, value in alone.metrics.items():
        assert together.metrics[name] == value


def test_unanswerable_questions_alone_have_no_bleu():
    scores = scored(UNANSWERABLE)
    assert scores.metrics.keys() == {"no_answer_accuracy"}
    assert scores.signature is None


def test_every_metric_has_an_interval_around_it():
    scores = scored(ANSWERABLE + UNANSWERABLE)
    assert scores.intervals.keys() == scores.metrics.keys()
    for name, (low, high) in scores.intervals.items():
        assert low <= scores.metrics[name] <= high
        assert low < high


def test_questions_on_one_paragraph_are_drawn_together():
    lines = [
        replace(row, id=f"{copy}/{row.id}", group=row.id)
        for copy in range(20)
        for row in ANSWERABLE + UNANSWERABLE
    ]
    together = scored(lines).intervals
    alone = scored([replace(row, group=None) for row in lines]).intervals
    for name, (low, high) in together.items():
        assert high - low > 2 * (alone[name][1] - alone[name][0])


def test_bleu_is_of_the_corpus_and_on_its_own_scale():
    lines = [line(0, ("cat sat",), "cat"), line(1, ("dog",), "dog")]
    assert scored(lines).metrics["bleu_1"] == pytest.approx(100 * math.exp(1 - 3 / 2))


def test_the_phrase_is_right_where_it_is_the_very_answer():
    scores = scored([line(0, ("unanswerable",), "unanswerable")])
    assert (scores.metrics["exact_match"], scores.metrics["false_no_answer"]) == (1, 0)


def test_the_rules_are_those_of_the_set_that_the_questions_could_be_from():
    normalises_to_nothing = line(0, ("the",), "a")
    assert scored([normalises_to_nothing]).metrics["f1"] == 0
    assert scored([normalises_to_nothing, *UNANSWERABLE]).metrics["f1"] == 1


@pytest.mark.parametrize("phrase", ["—", "the", "???"])
def test_a_phrase_of_nothing_but_marks_is_told_from_silence(phrase):
    scores = scored([line(0, (), phrase), line(1, (), ""), line(2, (), "a")], phrase)
    assert scores.metrics["no_answer_accuracy"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("DATA-EMPTY", []),
        ("EVAL-MISSING", [line(0, None, "x")]),
        ("EVAL-TYPE", [line(0, "x", "x")]),
        ("DATA-ID", [line(0, (), "x"), line(0, (), "y")]),
    ],
)
def test_lines_that_cannot_be_scored_are_refused(code, lines):
    with pytest.raises(DataError) as caught:
        scored(lines)
    assert caught.value.code == code
