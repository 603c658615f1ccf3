"""Many rows at once: the same answers as one by one, in the rows' own order."""

import random

import pytest
import torch

from loratory.batching.flat import flatten
from loratory.batching.rows import Encoding, one_each, total_tokens
from loratory.data.rows import Answer, PairRow, QuestionRow, Row, TextRow
from loratory.inference.predict import answer_rows
from loratory.models.load import load_base
from loratory.models.network import Network
from loratory.recipe.schema import Decoding, LabelWordsTask, PreferenceTask, TextTask, WrittenQATask
from loratory.tasks.make import make_task


@pytest.fixture(scope="module")
def rows(tuned):
    rng = random.Random(0)
    texts = ["lovely " * rng.randint(1, 12) + str(number) for number in range(17)]
    data = [Row(str(n), text, n % 2, f"rows:{n}") for n, text in enumerate(texts)]
    return tuned.task.encode(data).rows


def answers_to(tuned, rows, tokens_at_once, **options):
    encoding = rows if isinstance(rows, Encoding) else one_each(rows)
    return answer_rows(
        tuned.base.network, tuned.task, encoding, tokens_at_once=tokens_at_once, **options
    )


@pytest.mark.parametrize("tokens", [1, 30, 100, 10**6])
def test_answers_are_those_of_each_row_alone(tuned, rows, tokens):
    answers = answers_to(tuned, rows, tokens)
    losses = []
    for row, (scores,) in zip(rows, answers.outputs, strict=True):
        alone = answers_to(tuned, [row], 10**6)
        assert scores == pytest.approx(alone.outputs[0][0], rel=1e-5)
        losses.append(alone.loss)
    assert answers.loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert answers.tokens == total_tokens(rows)


def test_scores_are_the_softmax_of_the_heads_numbers(tuned, rows):
    network, batch = tuned.base.network, flatten(rows[:1])
    with torch.no_grad():
        numbers = network.get_submodule("score")(network(batch)[-1])
    ((scores,),) = answers_to(tuned, rows[:1], 1).outputs
    assert scores == pytest.approx(numbers.softmax(-1).tolist())


def test_the_order_of_the_rows_does_not_matter(tuned, rows):
    turned = answers_to(tuned, rows[::-1], 50).outputs[::-1]
    for (one,), (other,) in zip(answers_to(tuned, rows, 50).outputs, turned, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_the_same_rows_give_the_same_bytes(tuned, rows):
    assert answers_to(tuned, rows, 50) == answers_to(tuned, rows, 50)


def test_nothing_is_dropped_out_and_nothing_learned(tuned, rows):
    tuned.base.network.train()
    first = answers_to(tuned, rows, 10**6).outputs
    assert not tuned.base.network.training
    assert answers_to(tuned, rows, 10**6).outputs == first
    assert all(parameter.grad is None for parameter in tuned.base.network.parameters())


def test_no_rows_have_no_answers(tuned):
    answers = answers_to(tuned, [], 50)
    assert (answers.outputs, answers.loss, answers.tokens) == ([], 0.0, 0)


def test_a_piece_asked_twice_is_computed_once(tuned, rows):
    one, other = rows[:2]
    answers = answers_to(tuned, Encoding((one, other), ((one, other), (other,))), 10**6)
    assert [len(found) for found in answers.outputs] == [2, 1]
    assert answers.outputs[0][1] is answers.outputs[1][0]
    assert answers.tokens == total_tokens([one, other])


def test_progress_is_told_in_pieces(tuned, rows):
    told = []
    answers_to(tuned, rows, 8, watch=told.append)
    assert len(told) > 1
    assert sum(told) == len(rows)


SECTIONS = {
    "one token each": LabelWordsTask(labels=("no", "yes"), words=("a", "no")),
    "calibrated": LabelWordsTask(labels=("no", "yes"), words=("a", "no"), score="calibrated"),
    "long words": LabelWordsTask(labels=("no", "yes"), words=("rather dull", "quite lovely")),
    "text": TextTask(max_length=8),
    "written": WrittenQATask(decoding=Decoding(max_new_tokens=4)),
}


def rows_of(section, count):
    texts = ["quiet " * (1 + number % 3) + str(number) for number in range(count)]
    match section.reads:
        case "labelled":
            return [Row(text, text, n % 2, text) for n, text in enumerate(texts)]
        case "texts":
            return [TextRow(text, text, text) for text in texts]
        case "pairs":
            return [PairRow(text, text, " lovely", " dull", text) for text in texts]
        case _:
            answers = (Answer("quiet", 0),)
            return [QuestionRow(text, "How?", text, answers, text) for text in texts]


@pytest.mark.parametrize("name", SECTIONS)
def test_the_loss_is_that_over_what_is_learned(gpt2_folder, name):
    """Whether the asking gives it at once, or a pass of its own is needed."""
    base = load_base(str(gpt2_folder), language_head=True)
    task = make_task(SECTIONS[name], tokenizer=base.tokenizer, positions=base.positions)
    encoding = task.encode(rows_of(SECTIONS[name], 7))
    with torch.no_grad():
        batch = flatten(encoding.rows)
        loss = task.loss(base.network, base.network(batch), batch)
    assert encoding.asked_loss == (name in {"one token each", "text"})
    answers = answer_rows(base.network, task, encoding, tokens_at_once=60)
    assert answers.loss == pytest.approx(float(loss.total) / loss.count, rel=1e-5)
    assert len(answers.outputs) == 7
    apart = total_tokens(encoding.rows)
    assert answers.tokens == apart if encoding.asked_loss else answers.tokens > apart


READ_IN_ONE_LOOK = {
    "one token each": SECTIONS["one token each"],
    "text": SECTIONS["text"],
    "preference": PreferenceTask(),
}


@pytest.mark.parametrize("name", READ_IN_ONE_LOOK)
def test_one_look_at_the_vocabulary_says_answers_and_loss(gpt2_folder, monkeypatch, name):
    base = load_base(str(gpt2_folder), language_head=True)
    section, network, looks = READ_IN_ONE_LOOK[name], base.network, []
    task = make_task(section, tokenizer=base.tokenizer, positions=base.positions)
    head = network.get_submodule(network.language_head)
    monkeypatch.setattr(Network, "_head", lambda _: looks.append(1) or head)
    answer_rows(network, task, task.encode(rows_of(section, 1)), tokens_at_once=10**6)
    assert len(looks) == 1


@pytest.mark.parametrize("name", SECTIONS)
def test_what_is_computed_together_changes_no_answer(gpt2_folder, name):
    base = load_base(str(gpt2_folder), language_head=True)
    task = make_task(SECTIONS[name], tokenizer=base.tokenizer, positions=base.positions)
    rows = rows_of(SECTIONS[name], 6)
    lines = []
    for tokens in (1, 40, 10**6):
        answers = answer_rows(base.network, task, task.encode(rows), tokens_at_once=tokens)
        lines.append([task.prediction(*pair) for pair in zip(rows, answers.outputs, strict=True)])
    for others in lines[1:]:
        for one, other in zip(lines[0], others, strict=True):
            assert (one.id, one.prediction) == (other.id, other.prediction)
            assert one.scores == pytest.approx(other.scores, rel=1e-4, abs=1e-6)
