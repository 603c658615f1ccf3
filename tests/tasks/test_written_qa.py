"""Written answers: the answer and its end are learned, and nothing of the prompt."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from loratory.batching.flat import flatten
from loratory.data.rows import Answer, QuestionRow
from loratory.errors import ConfigError, DataError
from loratory.inference.predict import answer_rows
from loratory.recipe.schema import WrittenQATask
from loratory.tasks.task import Written
from loratory.tasks.written_qa import WrittenQA

TEMPLATE = "{context}\nQ: {question}\nA:"


def question(answer="Ann", context="Ann and Bo", number=0, asked="Who?"):
    answers = () if answer is None else (Answer(answer, max(0, context.find(answer))),)
    return QuestionRow(f"q{number}", asked, context, answers, f"train.json q{number}")


ROWS = [question(), question("Bo", number=1), question(None, number=2, asked="Why?")]


def task_of(base, **section):
    section = {
        "template": TEMPLATE,
        "no_answer": "none",
        "decoding": {"max_new_tokens": 8},
    } | section
    return WrittenQA(WrittenQATask(**section), tokenizer=base.tokenizer, positions=base.positions)


def ids(base, text):
    return tuple(base.tokenizer(text)["input_ids"])


def test_the_answers_tokens_and_the_end_are_learned(lm):
    answers = ["Ann", "Bo", "none"]
    for row, learned, answer in zip(ROWS, task_of(lm).encode(ROWS).rows, answers, strict=True):
        prompt = (0, *ids(lm, f"Ann and Bo\nQ: {row.question}\nA:"))
        assert learned.tokens == (*prompt, *ids(lm, f" {answer}"))
        assert sum(learned.segments[:-1], ()) == prompt
        assert learned.targets == (*ids(lm, f" {answer}"), lm.tokenizer.eos_token_id)
        # At each position the next token is the target.
        end = len(learned)
        assert learned.positions == tuple(range(len(prompt) - 1, end))
        following = (*learned.tokens, lm.tokenizer.eos_token_id)
        assert tuple(following[at + 1] for at in learned.positions) == learned.targets


def test_questions_on_one_context_share_a_segment_and_a_question_alone_shares_none(lm):
    other = replace(ROWS[0], context="Cy and Di")
    learned = task_of(lm).encode([*ROWS, other]).rows
    start = (0, *ids(lm, "Ann and Bo\nQ:"))
    assert {len(row.segments) for row in learned[:-1]} == {3}
    (shared,) = {row.segments[0] for row in learned[:-1]}
    assert shared[: len(start)] == start
    assert len(learned[-1].segments) == 2


def test_the_first_right_answer_is_learned(lm):
    row = question()
    both = QuestionRow(
        row.id, row.question, row.context, (Answer("Bo", 8), *row.answers), row.place
    )
    assert task_of(lm).encode([both]).rows == task_of(lm).encode([question("Bo")]).rows


@torch.no_grad()
def test_the_loss_is_transformers_with_the_prompt_left_out(lm, stock_lm):
    task = task_of(lm)
    batch = flatten(task.encode(ROWS).rows)
    found = task.loss(lm.network, lm.network(batch), batch)
    total = count = 0
    for row, answer in zip(ROWS, ["Ann", "Bo", "none"], strict=True):
        prompt = (0, *ids(lm, f"Ann and Bo\nQ: {row.question}\nA:"))
        answered = (*ids(lm, f" {answer}"), lm.tokenizer.eos_token_id)
        labels = torch.tensor([[*[-100] * len(prompt), *answered]])
        loss = stock_lm(torch.tensor([[*prompt, *answered]]), labels=labels).loss
        total, count = total + float(loss) * len(answered), count + len(answered)
    assert float(found.total) == pytest.approx(total, rel=1e-6)
    assert found.count == count


def test_the_loss_of_a_split_is_that_of_what_is_learned(lm):
    task = task_of(lm)
    encoding = task.encode(ROWS)
    batch = flatten(encoding.rows)
    with torch.no_grad():
        loss = task.loss(lm.network, lm.network(batch), batch)
    found = answer_rows(lm.network, task, encoding, tokens_at_once=50)
    assert found.loss == pytest.approx(float(loss.total) / loss.count, rel=1e-6)
    lines = [task.prediction(*pair) for pair in zip(ROWS, found.outputs, strict=True)]
    assert task.score(lines).metrics.keys() == set(task.metrics)
    assert task.main_metric in task.metrics
    assert task.baselines([], ROWS)


def test_asked_is_the_prompt_alone_whatever_its_answer(lm):
    encoding = task_of(lm).encode([question("Ann"), question("Bo"), question(None)])
    asked = {piece.tokens for (piece,) in encoding.asked}
    assert asked == {(0, *ids(lm, "Ann and Bo\nQ: Who?\nA:"))}
    assert {learned.segments[0] for learned in encoding.rows} == asked


def test_a_prompt_stays_what_it_is_where_it_would_melt_into_its_answer(melting_tokenizer):
    base = SimpleNamespace(tokenizer=melting_tokenizer, positions=99)
    task = task_of(base, template="{context} {question} it is so:")
    prompt, whole = "a b it is so:", "a b it is so: lovely"
    assert ids(base, whole)[: len(ids(base, prompt))] != ids(base, prompt)
    (learned,) = task.encode([question("lovely", "a", asked="b")]).rows
    assert learned.segments == ((0, *ids(base, prompt)), ids(base, " lovely"))


def test_the_answer_follows_a_line_break_without_a_space(lm):
    (learned,) = task_of(lm, template=TEMPLATE + "\n").encode([question()]).rows
    assert learned.segments[1] == ids(lm, "Ann")


def test_without_bos_a_prompt_begins_with_its_own_first_token(lm):
    (learned,) = task_of(lm, bos=False).encode([question()]).rows
    assert learned.segments[0] == ids(lm, "Ann and Bo\nQ: Who?\nA:")


@pytest.mark.parametrize("context", ["lovely film " * 30, "🙂🙁" * 60, "Ann " * 20])
def test_cutting_keeps_question_and_cue_and_as_much_of_the_context_as_fits(lm, context):
    task = task_of(lm, too_long="truncate", max_length=40)
    encoding = task.encode([question(), question("so", context, number=1)])
    assert encoding.truncated == 1
    (asked,) = encoding.asked[1]
    shown = lm.tokenizer.decode(asked.tokens[1:])
    kept = shown.removesuffix("\nQ: Who?\nA:")
    assert shown == f"{kept}\nQ: Who?\nA:"
    assert kept
    assert context.startswith(kept)

    def tokens(text):
        return 1 + len(ids(lm, f"{text.rstrip()}\nQ: Who?\nA:")) + 8

    assert tokens(kept) <= 40
    longer = next(end for end in range(len(kept) + 1, 999) if context[len(kept) : end].strip())
    assert tokens(context[:longer]) > 40
    assert encoding.rows[1].segments == (asked.tokens, ids(lm, " so"))


def test_room_is_kept_for_what_is_written_and_for_the_answer(lm):
    prompt = 1 + len(ids(lm, "Ann and Bo\nQ: Who?\nA:"))
    for most, cut in ((prompt + 8, 0), (prompt + 7, 1)):
        task = task_of(lm, max_length=most, too_long="truncate")
        assert task.encode([question()]).truncated == cut
    long = "lovely film and"
    answer = len(ids(lm, f" {long}"))
    for most, cut in ((prompt + answer, 0), (prompt + answer - 1, 1)):
        task = task_of(lm, max_length=most, too_long="truncate", decoding={"max_new_tokens": 2})
        encoding = task.encode([question(long)])
        assert encoding.truncated == cut
        assert max(map(len, encoding.rows)) <= most


def test_a_prompt_that_may_not_be_cut_is_refused_with_its_place(lm):
    with pytest.raises(DataError) as caught:
        task_of(lm).encode([question(), question(context="so " * 60, number=1)])
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("DATA-TRUNC", 3, "train.json q1")
    assert error.expected == "at most 56"


def test_a_question_that_leaves_no_room_for_its_context_is_refused(lm):
    with pytest.raises(DataError) as caught:
        task_of(lm, too_long="truncate").encode([question(asked="Who? " * 30)])
    assert (caught.value.code, caught.value.at) == ("DATA-TRUNC", "train.json q0")


def test_a_length_that_leaves_no_prompt_is_refused(lm):
    assert task_of(lm, max_length=10).max_length == 10
    with pytest.raises(ConfigError) as caught:
        task_of(lm, max_length=9)
    assert (caught.value.code, caught.value.at) == ("CFG-RANGE", "task.max_length")


def test_a_base_without_an_end_of_text_is_refused(small_tokenizer):
    endless = PreTrainedTokenizerFast(tokenizer_object=small_tokenizer.backend_tokenizer)
    with pytest.raises(ConfigError) as caught:
        task_of(SimpleNamespace(tokenizer=endless, positions=64))
    assert (caught.value.code, caught.value.at) == ("CFG-VALUE", "base")


@pytest.mark.parametrize("template", ["{context}", "{question}", "{context} {question} {text}"])
def test_a_template_without_its_fields_is_refused(lm, template):
    with pytest.raises(ConfigError, match="TASK-TEMPLATE"):
        task_of(lm, template=template)


@pytest.mark.parametrize("text", ["Ann", "a  b , c's .", "naïve 🙂 日本", ""])
def test_what_was_written_is_read_without_the_spaces_around_it(lm, text):
    written = Written((*ids(lm, f" {text} \n"), 0), -1.5, cut=True)
    line = task_of(lm).prediction(question(), [written])
    assert line.prediction == text
    assert line.scores == {"log_probability": -1.5, "cut": 1.0}
    assert (line.id, line.text, line.target) == ("q0", "Who?", ("Ann",))
    assert line.group == question().paragraph


def test_writing_ends_at_the_end_of_text(lm):
    writing = task_of(lm).writing
    assert writing.ends == (lm.tokenizer.eos_token_id,)
    assert writing.decoding.max_new_tokens == 8


def test_nothing_is_read_off_one_pass(lm):
    batch = flatten(task_of(lm).encode(ROWS).rows)
    with pytest.raises(TypeError):
        task_of(lm).predict(lm.network, torch.zeros(3, 16), batch)


def test_a_reserved_token_is_plain_text_and_noted(lm):
    row = question(context="<|endoftext|> Ann")
    encoding = task_of(lm).encode([row, question(number=1)])
    assert encoding.rows[0].tokens.count(0) == 1
    (note,) = encoding.notes
    assert "train.json q0" in note
