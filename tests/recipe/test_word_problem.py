"""The word-problem section: worked examples show what is to be written."""

import pytest
from pydantic import ValidationError

from loratory.recipe.word_problem import WordProblemTask

EXAMPLE = {"problem": "2 + 2?", "answer": "4"}


def test_an_example_without_steps_is_refused_where_steps_are_written():
    with pytest.raises(ValidationError, match=r"examples\[1\] shows no steps"):
        WordProblemTask(examples=[{**EXAMPLE, "solution": "so 4."}, EXAMPLE])
    assert len(WordProblemTask(writes="answer", examples=[EXAMPLE]).examples) == 1


@pytest.mark.parametrize("part", ["problem", "answer"])
@pytest.mark.parametrize("empty", [True, False])
def test_an_example_that_lacks_a_part_is_refused(part, empty):
    example = {**EXAMPLE, part: ""}
    if not empty:
        del example[part]
    with pytest.raises(ValidationError, match=part):
        WordProblemTask(writes="answer", examples=[example])


def test_there_is_room_to_write_the_steps_unless_the_recipe_says_otherwise():
    assert WordProblemTask().decoding.max_new_tokens == 160
