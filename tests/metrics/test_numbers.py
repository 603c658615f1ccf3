"""Numbers that answer problems: the rule that reads them off, and exact comparison."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from loratory.errors import DataError
from loratory.metrics.numbers import (
    evaluate_numbers,
    most_frequent_answer,
    number_in,
    number_values,
)
from loratory.metrics.predictions import Prediction


def line(text, target="4", number=0):
    return Prediction(f"test/{number}", "how much?", target, text, {})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", "4"),
        ("4.00 dollars", "4"),
        ("It costs $2.35.", "2.35"),
        ("-3", "-3"),
        (".5", "0.5"),
        ("1,234.50 in all", "1234.5"),
        ("2 and 3, so 5", "5"),
        ("2 x 3 = 6. Answer: 6. Now 7 more", "6"),
        ("Answer: 100 / 25 = 4 dollars", "4"),
        ("the answer is 4, not more. 9", "4"),
        ("ANSWER: 8\nAnswer: 9", "8"),
        ("That answers 3 questions, 12 left", "12"),
        ("5kg", "5"),
        ("Answer:\n42\nIn 3 steps.", "42"),
        ("The answer is:\n\n18.", "18"),
        ("Answer: \u22127 degrees", "-7"),
        ("9\u22127", "7"),
    ],
)
def test_the_number_is_read_off_by_the_rule(text, number):
    assert number_in(text) == Fraction(number)


@pytest.mark.parametrize(
    "text", ["", "four", "Answer:", "3 apples. Answer: none", "v2", "1" * 5000]
)
def test_a_text_may_give_no_number(text):
    assert number_in(text) is None


@given(
    st.integers(-(10**7), 10**7), st.integers(0, 99), st.sampled_from(["{}", "Answer: {}", "so {}"])
)
def test_any_number_is_read_as_it_was_written(whole, cents, around):
    sign = "-" if whole < 0 else ""
    number = f"{sign}{abs(whole)}.{cents:02}"
    assert number_in(around.format(number)) == Fraction(number)
    grouped = f"{sign}{abs(whole):,}.{cents:02}"
    assert number_in(around.format(grouped)) == Fraction(number)


def test_there_is_no_tolerance():
    texts = ["4", "4.0", "3.99", "4.001", "none"]
    lines = [line(text, number=number) for number, text in enumerate(texts)]
    values = number_values(lines)
    assert values["accuracy"].tolist() == [1, 1, 0, 0, 0]
    assert values["answered"].tolist() == [1, 1, 1, 1, 0]
    assert evaluate_numbers(lines).metrics == {"accuracy": 0.4, "answered": 0.8}


def test_the_interval_is_that_of_the_binomial_distribution():
    lines = [line("4" if number < 60 else "5", number=number) for number in range(200)]
    low, high = evaluate_numbers(lines).intervals["accuracy"]
    expected = [share / 200 for share in binom.ppf([0.025, 0.975], 200, 0.3)]
    assert [low, high] == pytest.approx(expected, abs=0.006)


def test_the_most_frequent_answer_is_compared_as_a_number():
    found = most_frequent_answer(["4", "4.00", "5"], ["4", "5", "4.0", "6"])
    assert found.metrics == {"accuracy": 0.5, "answered": 1.0}


def test_problems_without_answers_and_no_problems_are_not_scored():
    with pytest.raises(DataError) as caught:
        evaluate_numbers([line("4", target=None)])
    assert caught.value.code == "EVAL-MISSING"
    with pytest.raises(DataError) as caught:
        evaluate_numbers([])
    assert caught.value.code == "DATA-EMPTY"
