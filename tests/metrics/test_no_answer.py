"""The threshold for saying that there is no answer: as good as the best that can be found."""

import math
import random
from itertools import pairwise

import pytest

from loratory.errors import DataError
from loratory.metrics.no_answer import (
    EVEN,
    against_best,
    answer_or_none,
    best_threshold,
    careful_threshold,
    checked_probabilities,
)
from loratory.metrics.squad import f1


def mean_f1(golds, texts, no_answer, threshold):
    """Return the F1 when the threshold is used, one question at a time."""
    total = 0.0
    for id_, right in golds.items():
        said = answer_or_none(texts[id_], no_answer[id_], threshold=threshold)
        total += f1(said, right, version="2.0")
    return total / len(golds)


def made_up(rng):
    """Return questions, texts and probabilities, with many ties among the latter."""
    ids = [str(number) for number in range(rng.randint(2, 12))]
    levels = [0.0, 1.0, *(rng.random() for _ in range(rng.randint(1, 6)))]
    golds = {id_: rng.choice([(), ("x",), ("x y", "z"), ("the",)]) for id_ in ids}
    texts = {id_: rng.choice(["x", "x y", "z", "w", "", "the"]) for id_ in ids}
    probabilities = {id_: rng.choice(levels) for id_ in ids}
    if len(set(probabilities.values())) == 1:
        probabilities["0"] = 0.25 if probabilities["0"] != 0.25 else 0.75
    return golds, texts, probabilities


def test_no_threshold_is_better_on_thousands_of_made_up_sets():
    rng = random.Random(0)
    for _ in range(3000):
        golds, texts, probabilities = made_up(rng)
        chosen = best_threshold(golds, texts, probabilities)
        assert 0 <= chosen <= 1
        levels = sorted({0.0, 1.0, *probabilities.values()})
        tried = [*levels, *((a + b) / 2 for a, b in pairwise(levels))]
        best = max(mean_f1(golds, texts, probabilities, threshold) for threshold in tried)
        assert mean_f1(golds, texts, probabilities, chosen) == pytest.approx(best, abs=1e-9)


def chosen_of(*rows):
    """Return the threshold for rows of (answerable, right, probability)."""
    golds = {str(n): ("x",) if answerable else () for n, (answerable, _, _) in enumerate(rows)}
    texts = {str(n): "x" if right else "w" for n, (_, right, _) in enumerate(rows)}
    return best_threshold(golds, texts, {str(n): p for n, (_, _, p) in enumerate(rows)})


def test_the_threshold_lies_midway_between_what_it_tells_apart():
    assert chosen_of((True, True, 0.2), (False, False, 0.6)) == pytest.approx(0.4)


def test_where_answering_is_always_best_no_probability_is_above_the_threshold():
    assert chosen_of((True, True, 0.2), (True, True, 0.6)) == pytest.approx(0.8)
    assert chosen_of((True, True, 0.2), (True, True, 1.0)) == 1


def test_where_silence_is_always_best_every_probability_is_above_the_threshold():
    assert chosen_of((False, False, 0.2), (False, False, 0.6)) == pytest.approx(0.1)


def test_questions_of_one_probability_are_not_told_apart_by_their_order():
    rows = [(True, True, 0.5), (False, False, 0.5), (False, False, 0.5), (True, True, 0.1)]
    assert chosen_of(*rows) == chosen_of(*rows[::-1]) == pytest.approx(0.3)


def test_of_thresholds_that_are_as_good_the_one_that_answers_most_is_taken():
    assert chosen_of((True, True, 0.1), (True, False, 0.3), (False, False, 0.5)) == 0.4


def test_neighbouring_numbers_are_told_apart():
    low = 0.3
    high = math.nextafter(low, 1)
    threshold = chosen_of((True, True, low), (False, False, high))
    assert low <= threshold < high


def test_the_text_is_kept_at_the_threshold_and_dropped_above_it():
    assert answer_or_none("x", 0.5, threshold=0.5) == "x"
    assert answer_or_none("x", 0.5000001, threshold=0.5) == ""
    assert answer_or_none("x", 1.0, threshold=1.0) == "x"


GOLDS = {"a": ("x",), "b": ()}


@pytest.mark.parametrize(
    ("probabilities", "at"),
    [
        ({"a": 0.5}, None),
        ({"a": 0.5, "b": 1.01}, "b"),
        ({"a": -0.01, "b": 0.5}, "a"),
        ({"a": 0.5, "b": math.nan}, "b"),
        ({"a": 0.5, "b": None}, "b"),
        ({"a": "0.5", "b": 0.1}, "a"),
        ({"a": True, "b": 0.1}, "a"),
        ({"a": 0.5, "b": 0.5}, None),
        ({"a": 0.0, "b": 0.0}, None),
    ],
)
def test_probabilities_that_choose_nothing_are_refused(probabilities, at):
    with pytest.raises(DataError) as caught:
        best_threshold(GOLDS, dict.fromkeys("ab", "x"), probabilities)
    assert (caught.value.code, caught.value.exit_code, caught.value.at) == ("EVAL-NAPROB", 3, at)


def test_missing_probabilities_are_counted_and_the_first_is_named():
    with pytest.raises(DataError, match=r"1 of 2 .*\(first: b\)"):
        best_threshold(GOLDS, dict.fromkeys("ab", "x"), {"a": 0.5})


def test_probabilities_may_be_alike_where_none_is_chosen_by_them():
    same = checked_probabilities(GOLDS, {"b": 1, "a": 1.0, "c": 7}, distinct=False)
    assert same.tolist() == [1, 1]


def test_one_question_is_enough_to_choose_on():
    assert best_threshold({"a": ()}, {"a": "x"}, {"a": 0.5}) == 0.25


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"a": 0.2, "b": 0.5, "": 0.3}, 0.3 / 0.8),
        ({"a": 0.2, "b": 0.1, "": 0.7}, 0.7 / 0.9),
        ({"": 1.0}, 1.0),
        ({"a": 0.4, "b": 0.6}, 0.0),
        ({"a": 0.0, "": 0.0}, 0.0),
    ],
)
def test_no_answer_counts_against_the_best_answer_alone(scores, expected):
    assert against_best(scores) == pytest.approx(expected)


def drawn_rows(rng, count, *, bias=0.0):
    """Return golds, texts and probabilities of a model whose log odds are wrong by `bias`."""
    golds, texts, said = {}, {}, {}
    for number in range(count):
        odds = rng.gauss(0.0, 1.5)
        there = rng.random() > 1 / (1 + math.exp(-odds))
        golds[str(number)] = ("yes",) if there else ()
        texts[str(number)] = "yes"
        said[str(number)] = 1 / (1 + math.exp(-odds - bias))
    return golds, texts, said


def test_a_model_that_can_be_taken_at_its_word_mostly_is():
    rng = random.Random(0)
    fresh = drawn_rows(rng, 20_000)
    found = [
        (careful_threshold(*rows), best_threshold(*rows))
        for rows in (drawn_rows(rng, 100) for _ in range(40))
    ]
    assert sum(careful == EVEN for careful, _ in found) > 25
    careful, best = (
        sum(mean_f1(*fresh, threshold) for threshold in side) / len(found)
        for side in zip(*found, strict=True)
    )
    assert careful > best + 0.002


def test_a_model_that_says_none_too_readily_gets_a_higher_threshold():
    rng = random.Random(1)
    chosen = [careful_threshold(*drawn_rows(rng, 300, bias=2.0)) for _ in range(10)]
    # What it says with 1 / (1 + e^-2) is an even chance.
    assert sum(chosen) / 10 == pytest.approx(1 / (1 + math.exp(-2.0)), abs=0.06)
