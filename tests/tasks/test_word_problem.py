"""Word problems: what is learned, what is read of what was written, and what is refused."""

import pytest

from loratory.data.rows import ProblemRow
from loratory.errors import ConfigError
from loratory.recipe.schema import WordProblemTask
from loratory.tasks.task import Written
from loratory.tasks.word_problem import WordProblem

ROW = ProblemRow("train/0", "so it is?", "4.50", "it is 2 + 2.50 = 4.50.", "a.jsonl:1")


def task_of(base, **section):
    section = {"decoding": {"max_new_tokens": 4}} | section
    section = WordProblemTask(**section)
    return WordProblem(section, tokenizer=base.tokenizer, positions=1000)


def text_of(base, tokens):
    return base.tokenizer.decode(tokens)


@pytest.mark.parametrize(
    ("writes", "prompt", "answer"),
    [
        (
            "steps",
            "Problem: so it is?\nSolution:",
            " it is 2 + 2.50 = 4.50. Answer: 4.50",
        ),
        ("answer", "Problem: so it is?\nAnswer:", " 4.50"),
    ],
)
def test_learned_are_the_steps_and_the_answer_or_the_answer_alone(lm, writes, prompt, answer):
    encoding = task_of(lm, writes=writes).encode([ROW])
    (learned,), ((asked,),) = encoding.rows, encoding.asked
    end = lm.tokenizer.eos_token_id
    assert text_of(lm, learned.tokens[1:]) == prompt + answer
    assert text_of(lm, asked.tokens[1:]) == prompt
    assert text_of(lm, learned.targets[:-1]) == answer
    assert learned.targets[-1] == end
    following = (*learned.tokens, end)
    assert tuple(following[at + 1] for at in learned.positions) == learned.targets


def test_an_instruction_is_said_once_before_examples_and_problem(lm):
    own = [{"problem": "is it?", "answer": "2", "solution": "so 2."}]
    task = task_of(lm, instruction="so:", examples=own, template="{problem}")
    ((asked,),) = task.encode([ROW]).asked
    assert text_of(lm, asked.tokens[1:]) == "so:\n\nis it? so 2. Answer: 2\n\nso it is?"


@pytest.mark.parametrize(
    ("section", "written", "said"),
    [
        ({}, " so 2.\nAnswer: 4", "so 2.\nAnswer: 4"),
        ({}, " Answer: 4\n\nProblem: is it?\nAnswer: 5", "Answer: 4"),
        ({"writes": "answer"}, " 4 dollars\n\nand 5", "4 dollars"),
        (
            {"examples": [{"problem": "is it?", "answer": "2", "solution": "so 2."}]},
            " Answer: 4\nAnswer: 5",
            "Answer: 4",
        ),
    ],
)
def test_what_was_written_ends_where_something_else_begins(lm, section, written, said):
    tokens = tuple(lm.tokenizer(written)["input_ids"])
    task = task_of(lm, **section)
    line = task.prediction(ROW, [Written(tokens, -1.5, cut=True)])
    assert (line.prediction, line.target, line.text) == (said, "4.50", "so it is?")
    assert line.scores == {"log_probability": -1.5, "cut": 1.0}


def test_an_answer_that_nobody_knows_is_no_target(lm):
    row = ProblemRow("0", "so it is?", "", "", "problem 1")
    assert task_of(lm).prediction(row, [Written((), 0.0, cut=False)]).target is None


@pytest.mark.parametrize("answer", ["two", "2e0", "NaN"])
def test_an_example_whose_answer_is_no_plain_number_is_refused(lm, answer):
    own = [{"problem": "is it?", "answer": answer, "solution": "so two."}]
    with pytest.raises(ConfigError) as caught:
        task_of(lm, examples=own)
    assert (caught.value.code, caught.value.at) == ("CFG-VALUE", "task.examples[0].answer")


def test_the_score_and_the_baseline_hold_every_metric_that_is_named(lm):
    task = task_of(lm)
    tokens = tuple(lm.tokenizer(" Answer: 4.5")["input_ids"])
    line = task.prediction(ROW, [Written(tokens, 0.0, cut=False)])
    assert task.score([line]).metrics == {"accuracy": 1.0, "answered": 1.0}
    (baseline,) = task.baselines([ROW], [ROW])
    assert baseline.metrics.keys() == {*task.metrics}
