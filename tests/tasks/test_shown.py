"""Prompts with solved examples: every answer is that of the full prompt alone in transformers."""

import random
import re

import pytest
import torch

from loratory.data.rows import Answer, ProblemRow, QuestionRow, Row
from loratory.errors import DataError
from loratory.inference.predict import answer_rows
from loratory.recipe.schema import LabelWordsTask, WordProblemTask, WrittenQATask
from loratory.tasks.examples import MostAlike, SameForAll
from loratory.tasks.label_words import LabelWords
from loratory.tasks.word_problem import WordProblem
from loratory.tasks.written_qa import WrittenQA

WORDS = ["a", "lovely", "film", "thin", "dull", "so", "it", "is"]
LABELS = ("the", "and")


def rows_of(number, seed=0, name="train"):
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 3))) for _ in range(number)]
    return tuple(Row(f"{name}/{n}", text, n % 2, f"{name}:{n}") for n, text in enumerate(texts))


def words_task(base, **section):
    section = LabelWordsTask(**({"template": "{text}:"} | section))
    return LabelWords(section, labels=LABELS, tokenizer=base.tokenizer, positions=base.positions)


def answered(base, task, rows, tokens_at_once=150):
    found = answer_rows(base.network, task, task.encode(rows), tokens_at_once=tokens_at_once)
    return [task.prediction(*pair) for pair in zip(rows, found.outputs, strict=True)]


def written_prompt(examples, row, instruction=""):
    """Return a prompt as a person would write it down."""
    solved = [f"{one.text}: {LABELS[one.label]}" for one in examples]
    return "\n\n".join([*([instruction] if instruction else []), *solved, f"{row.text}:"])


@torch.no_grad()
@pytest.mark.parametrize("kind", [SameForAll, lambda rows: MostAlike(rows, 3)])
@pytest.mark.parametrize("instruction", ["", "so:"])
def test_classes_are_those_of_each_full_prompt_alone(lm, stock_lm, kind, instruction):
    train, rows = rows_of(4), rows_of(15, seed=1, name="test")
    examples = kind(train)
    task = words_task(lm, instruction=instruction).showing(examples)
    first = [lm.tokenizer(f" {word}")["input_ids"][0] for word in LABELS]
    for row, shown, line in zip(rows, examples.of(rows), answered(lm, task, rows), strict=True):
        text = written_prompt(shown, row, instruction)
        ids = torch.tensor([[0, *lm.tokenizer(text)["input_ids"]]])
        scores = stock_lm(ids).logits[0, -1][first].softmax(0)
        assert [*line.scores.values()] == pytest.approx(scores.tolist(), abs=1e-5)


@torch.no_grad()
def test_scores_are_calibrated_after_the_same_examples(lm, stock_lm):
    train, rows = rows_of(12), rows_of(8, seed=1, name="test")
    examples = MostAlike(train, 2)
    task = words_task(lm, score="calibrated", content_free="so").showing(examples)
    first = [lm.tokenizer(f" {word}")["input_ids"][0] for word in LABELS]

    def scores(shown, text):
        prompt = written_prompt(shown, Row("", text, 0, ""))
        ids = torch.tensor([[0, *lm.tokenizer(prompt)["input_ids"]]])
        return stock_lm(ids).logits[0, -1].log_softmax(-1)[first]

    for row, shown, line in zip(rows, examples.of(rows), answered(lm, task, rows), strict=True):
        expected = (scores(shown, row.text) - scores(shown, "so")).softmax(0)
        assert [*line.scores.values()] == pytest.approx(expected.tolist(), abs=1e-5)


PROBLEMS = [ProblemRow(f"p{n}", text, str(n), f"so {n}.", "") for n, text in enumerate(WORDS)]
QUESTIONS = [
    QuestionRow(f"q{n}", "is it?", text, (Answer(text, 0),), "") for n, text in enumerate(WORDS)
]


def problem_task(base, **section):
    section = {"template": "{problem}:", "decoding": {"max_new_tokens": 12}} | section
    section = WordProblemTask(**section)
    return WordProblem(section, tokenizer=base.tokenizer, positions=base.positions)


def question_task(base, **section):
    section = {"template": "{context} {question}", "decoding": {"max_new_tokens": 12}} | section
    section = WrittenQATask(**section)
    return WrittenQA(section, tokenizer=base.tokenizer, positions=base.positions)


WRITING = [
    (
        problem_task,
        PROBLEMS,
        lambda row: f"{row.problem}:",
        lambda row: f" {row.solution} Answer: {row.answer}",
    ),
    (question_task, QUESTIONS, lambda row: f"{row.context} is it?", lambda row: f" {row.context}"),
]


@torch.no_grad()
@pytest.mark.parametrize(("task_of", "rows", "ask", "answer"), WRITING)
def test_what_is_written_is_what_transformers_writes_after_each_full_prompt(
    lm, stock_lm, task_of, rows, ask, answer
):
    shown, asked = rows[:1], rows[1:]
    task = task_of(lm).showing(SameForAll(tuple(shown)))
    breaks = {lm.tokenizer("\n" * n)["input_ids"][0] for n in (1, 2, 3)}
    assert {*task.writing.ends} == {lm.tokenizer.eos_token_id, *breaks}
    for row, line in zip(asked, answered(lm, task, asked), strict=True):
        solved = [ask(one) + answer(one) for one in shown]
        prompt = "\n\n".join([*solved, ask(row)])
        ids = torch.tensor([[0, *lm.tokenizer(prompt)["input_ids"]]])
        whole = stock_lm.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=[*task.writing.ends],
            pad_token_id=0,
        )[0, ids.shape[1] :]
        kept = [token for token in whole.tolist() if token not in task.writing.ends]
        said = lm.tokenizer.decode(kept, skip_special_tokens=True).strip().split("\n")[0]
        # A problem's prompt begins with its own field, so nothing else ends what is written.
        assert line.prediction == said


def test_examples_without_room_are_left_out_the_first_first_and_counted(lm):
    train, rows = rows_of(6), rows_of(5, seed=1, name="test")
    task = words_task(lm, max_length=25, too_long="truncate").showing(SameForAll(train))
    encoding = task.encode(rows)
    missing = 0
    for row, kept, (piece,) in zip(rows, encoding.examples, encoding.asked, strict=True):
        shown = [one for one in train if one.text != row.text]
        missing += len(shown) - len(kept)
        assert kept == tuple(one.id for one in shown[-len(kept) :])
        text = written_prompt(shown[-len(kept) :], row)
        assert piece.tokens == (0, *lm.tokenizer(text)["input_ids"])
        more = written_prompt(shown[-len(kept) - 1 :], row)
        assert len(lm.tokenizer(more)["input_ids"]) + 1 > task.most
    assert encoding.notes == (
        f"5 prompts left out {missing} solved examples, for which task.max_length has no room "
        "(first: test:0)",
    )
    assert encoding.truncated == 0


def test_a_text_is_cut_only_once_no_example_is_left(lm):
    long = Row("test/0", "film " * 40, 0, "test:0")
    task = words_task(lm, max_length=25, too_long="truncate").showing(SameForAll(rows_of(3)))
    encoding = task.encode([long])
    assert encoding.truncated == 1
    assert encoding.examples == ()
    assert len(encoding.asked[0][0].tokens) <= 25
    assert "left out 3 solved examples" in encoding.notes[0]


def test_a_prompt_longer_than_the_base_reads_is_refused(lm):
    task = words_task(lm).showing(SameForAll(rows_of(40)))
    with pytest.raises(DataError) as caught:
        task.encode(rows_of(1, seed=1, name="test"))
    assert (caught.value.code, caught.value.at) == ("DATA-TRUNC", "test:0")
    assert re.search(r"or show fewer than \d+ solved examples$", caught.value.fix)


def test_the_task_without_examples_stays_as_it_was(lm):
    task, rows = words_task(lm), rows_of(3, seed=1)
    before = task.encode(rows)
    task.showing(SameForAll(rows_of(4, seed=2)))
    assert task.encode(rows) == before
    assert before.examples == ()
