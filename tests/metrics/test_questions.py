"""The complete account of found answers: every number from the lines alone."""

import random
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from loratory.errors import DataError
from loratory.metrics.predictions import Prediction
from loratory.metrics.questions import evaluate_questions, right_answers
from loratory.metrics.squad import exact_match, f1
from loratory.metrics.squad_scripts import script_v1, script_v2


def line(number, target, prediction):
    return Prediction(str(number), "who?", target, prediction, {"": 0.5})


LINES = [
    line(0, ("the cat",), "cat"),
    line(1, ("a cat sat", "dog"), "cat"),
    line(2, ("cat",), ""),
    line(3, (), ""),
    line(4, (), "cat"),
    line(5, (), "The."),
]


def test_the_newer_rules_give_all_questions_and_both_parts():
    scores = evaluate_questions(LINES, version="2.0")
    assert scores.metrics == pytest.approx(
        {
            "exact_match": 3 / 6,
            "f1": (1 + 2 / 3 + 2) / 6,
            "has_answer_exact_match": 1 / 3,
            "has_answer_f1": (1 + 2 / 3) / 3,
            "no_answer_accuracy": 2 / 3,
        }
    )
    assert scores.counts == {"questions": 6, "answerable": 3, "unanswerable": 3}


def test_the_older_rules_give_all_questions_alone():
    scores = evaluate_questions(LINES[:3], version="1.1")
    assert scores.metrics == pytest.approx({"exact_match": 1 / 3, "f1": (1 + 2 / 3) / 3})
    assert scores.counts == {"questions": 3, "answerable": 3, "unanswerable": 0}


def test_the_versions_own_rules_are_used():
    lines = [line(0, ("the",), "a")]
    assert evaluate_questions(lines, version="1.1").metrics["f1"] == 0
    assert evaluate_questions(lines, version="2.0").metrics["f1"] == 1


def test_metrics_of_questions_that_there_are_not_are_left_out():
    answerable = evaluate_questions(LINES[:3], version="2.0")
    assert "no_answer_accuracy" not in answerable.metrics
    unanswerable = evaluate_questions(LINES[3:], version="2.0")
    assert unanswerable.metrics.keys() == {"exact_match", "f1", "no_answer_accuracy"}


def test_shares_are_the_scripts_percents():
    rng = random.Random(0)
    for _ in range(100):
        lines = [
            line(n, rng.choice([(), ("x",), ("x y", "the")]), rng.choice(["", "x", "y x", "a"]))
            for n in range(rng.randint(1, 9))
        ]
        said = {row.id: row.prediction for row in lines}
        for version in ("2.0", "1.1"):
            scored = [row for row in lines if row.target or version == "2.0"]
            if not scored:
                continue
            ours = evaluate_questions(scored, version=version).metrics
            script = script_v1 if version == "1.1" else script_v2
            theirs = script(right_answers(scored), said)
            names = {"exact": "exact_match", "HasAns_exact": "has_answer_exact_match"}
            names |= {"HasAns_f1": "has_answer_f1", "NoAns_exact": "no_answer_accuracy"}
            expected = {
                names.get(name, name): value / 100
                for name, value in theirs.items()
                if "total" not in name and name != "NoAns_f1"
            }
            assert ours == pytest.approx(expected, abs=1e-12)


def test_every_metric_has_an_interval_around_it():
    scores = evaluate_questions(LINES, version="2.0")
    assert scores.intervals.keys() == scores.metrics.keys()
    for name, (low, high) in scores.intervals.items():
        assert 0 <= low <= scores.metrics[name] <= high <= 1
        assert low < high


def paragraphs(amount, each):
    """Return questions, of which all on one paragraph are answered alike."""
    rng = random.Random(0)
    return [
        Prediction(f"{paragraph}/{n}", "who?", ("cat",), said, {}, group=f"p{paragraph}")
        for paragraph in range(amount)
        for said in [rng.choice(["cat", "dog"])]
        for n in range(each)
    ]


def test_intervals_are_those_of_drawing_whole_paragraphs():
    lines = paragraphs(30, each=4)
    right = np.array([float(row.prediction == "cat") for row in lines]).reshape(30, 4)
    draws = np.random.default_rng(1).integers(0, 30, size=(20_000, 30))
    means = right[draws].mean(axis=(1, 2))
    # As t is wider than the normal distribution, with 29 degrees of freedom.
    wider = right.mean() + stdtrit(29, 0.975) / 1.96 * (means - right.mean())
    found = evaluate_questions(lines, version="1.1").intervals["exact_match"]
    # Each end is a percentile of 2,000 draws whose spread is about 0.09.
    assert found == pytest.approx(tuple(np.percentile(wider, [2.5, 97.5])), abs=0.02)
    low, high = evaluate_questions(
        [replace(row, group=None) for row in lines], version="1.1"
    ).intervals["exact_match"]
    assert high - low < 0.6 * (found[1] - found[0])


def test_a_single_paragraph_says_nothing_about_others():
    found = evaluate_questions(paragraphs(1, each=50), version="1.1")
    assert found.intervals["exact_match"] == (0.0, 1.0)


def test_the_order_of_the_lines_does_not_matter_to_the_metrics():
    turned = evaluate_questions(LINES[::-1], version="2.0")
    assert turned.metrics == pytest.approx(evaluate_questions(LINES, version="2.0").metrics)


def test_a_line_is_scored_by_every_right_answer():
    assert exact_match("dog", LINES[1].target, version="1.1") == 1
    scores = evaluate_questions([line(1, LINES[1].target, "dog")], version="1.1")
    assert scores.metrics == {"exact_match": 1, "f1": f1("dog", ["dog"], version="1.1")}


@pytest.mark.parametrize(
    ("code", "at", "version", "lines"),
    [
        ("DATA-EMPTY", None, "2.0", []),
        ("EVAL-MISSING", "0", "2.0", [line(0, None, "x")]),
        ("EVAL-TYPE", "0", "2.0", [line(0, "x", "x")]),
        ("DATA-ID", "0", "2.0", [line(0, ("x",), "x"), line(0, ("x",), "y")]),
        ("DATA-VERSION", None, "1.1", LINES),
    ],
)
def test_lines_that_cannot_be_scored_are_refused(code, at, version, lines):
    with pytest.raises(DataError) as caught:
        evaluate_questions(lines, version=version)
    assert (caught.value.code, caught.value.at) == (code, at)
