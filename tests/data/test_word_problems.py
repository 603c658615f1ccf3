"""Word problems: every answer is the only price that fits the numbers in the text."""

import re
from collections import Counter
from fractions import Fraction

import pytest

from loratory.data.word_problem_forms import CHANGES, PAIRS
from loratory.data.word_problems import (
    SIZES,
    Purchase,
    dollars,
    word_problem_tables,
    word_problems,
)

_STEP = re.compile(r"([\d.]+) ([-+x/]) ([\d.]+) = ([\d.]+)")
_OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "x": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
_AMOUNT = re.compile(r"([\d.]*\d) (cents|dollars?)")
_COUNT = re.compile(r"\d+ (?!cents|dollar)")


@pytest.fixture(scope="module")
def problems():
    return word_problems()


@pytest.fixture(scope="module")
def every(problems):
    return [problem for split in problems.values() for problem in split]


def cents_in(text):
    """Return the amounts of money in a text, in cents."""
    return [
        int(Fraction(amount) * (1 if unit == "cents" else 100))
        for amount, unit in _AMOUNT.findall(text)
    ]


def fitting(first, second, total, difference):
    """Return all first prices, tried one by one, at which everything costs the total."""
    return [p for p in range(1, 3000) if first * p + second * (p + difference) == total]


def test_brute_force_finds_the_answer_of_every_problem(every):
    for problem in every[::7]:
        bought = problem.purchase
        change, total = sorted(cents_in(problem.text))
        difference = change if bought.difference > 0 else -change
        (price,) = fitting(bought.first, bought.second, total, difference)
        answer = price if bought.asks_first else price + difference
        assert Fraction(problem.answer) * 100 == answer


def test_the_text_says_which_way_the_price_goes_and_every_number_once(every):
    up, down = ("rose", "dearer", "more"), ("fell", "cheaper", "less")
    for problem in every:
        bought = problem.purchase
        words = set(re.findall(r"\w+", problem.text))
        assert words & set(up if bought.difference > 0 else down)
        assert not words & set(down if bought.difference > 0 else up)
        assert Counter(cents_in(problem.text)) == Counter([abs(bought.difference), bought.total])
        counts = [int(found) for found in _COUNT.findall(problem.text)]
        assert sorted(counts) == sorted([bought.first, bought.second])


def test_every_step_is_right_and_the_last_one_gives_the_answer(every):
    for problem in every:
        steps = _STEP.findall(problem.solution)
        assert len(steps) >= 4
        for one, sign, other, result in steps:
            assert _OPERATIONS[sign](Fraction(one), Fraction(other)) == Fraction(result)
        assert steps[-1][-1] == problem.answer
        assert "\n" not in problem.solution


def test_the_prices_known_from_the_field_come_out():
    # 15 kg last month, 10 kg this month, a rise of 20 cents, 102 dollars in all.
    bought = Purchase(15, 10, 400, 20, asks_first=True)
    assert (bought.total, bought.answer) == (10200, 400)


def test_no_problem_stands_twice_in_whatever_words(problems, every):
    assert {split: len(found) for split, found in problems.items()} == SIZES
    assert len({problem.text for problem in every}) == len(every)
    numbers = [(problem.purchase, problem.solution) for problem in every]
    assert len(set(numbers)) == len(numbers)


def test_forms_of_scored_problems_stand_in_no_training_problem():
    for forms in (CHANGES, PAIRS):
        texts = [form for split in forms.values() for form in split]
        assert len(set(texts)) == len(texts)
    assert len(CHANGES["train"]) + len(PAIRS["train"]) >= 12


def test_every_form_is_used(problems):
    for split, found in problems.items():
        for form in (*CHANGES[split], *PAIRS[split]):
            # What stands before the first field that has no letter in common with another form.
            fixed = max(re.split(r"\{\w+\}", form), key=len)
            assert any(fixed in problem.text for problem in found), form


def test_the_same_seed_gives_the_same_problems_and_another_one_others():
    sizes = {"train": 20, "test": 5}
    assert word_problems(3, sizes) == word_problems(3, sizes)
    assert word_problems(3, sizes) != word_problems(4, sizes)


@pytest.mark.parametrize(
    ("cents", "written"), [(400, "4"), (235, "2.35"), (50, "0.50"), (10205, "102.05")]
)
def test_amounts_are_written_exactly(cents, written):
    assert dollars(cents) == written


def test_no_article_stands_before_a_vowel_and_sentences_begin_with_a_capital(every):
    for problem in every:
        assert not re.search(r"\b[Aa] [aeio]", problem.text)
        for text in (problem.text, problem.solution):
            assert all(re.match(r"[A-Z\d]", part) for part in re.split(r"(?<=[.?]) ", text))


def test_the_tables_hold_the_problems(problems):
    tables = word_problem_tables()
    assert tables.keys() == SIZES.keys()
    first = tables["test"].records[0]
    assert first.values[0] == problems["test"][0].text
    assert len({table.digest for table in tables.values()}) == 3
