"""Extractive answers: transformers' logits and loss, the best spans of all, and when none is."""

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForQuestionAnswering

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.data.rows import Answer, QuestionRow
from loratory.errors import DataError
from loratory.inference.predict import answer_rows
from loratory.metrics.squad import score_rows
from loratory.models.load import load_base
from loratory.recipe.schema import SpanQATask
from loratory.tasks.span_qa import SpanQA, WindowSpans, best_spans
from loratory.tasks.task import Settling
from loratory.tasks.windows import END, START

CONTEXT = "a quiet film , a lovely story and a dull plot about nothing much"


def question(answer=None, context=CONTEXT, number=0, asked="Which?"):
    answers = () if answer is None else (Answer(answer, context.index(answer)),)
    return QuestionRow(f"q{number}", asked, context, answers, f"train.json q{number}")


def task_of(base, **section):
    section = {"max_length": 26, "stride": 8} | section
    return SpanQA(SpanQATask(**section), tokenizer=base.tokenizer, positions=base.positions)


@pytest.fixture(scope="module")
def base(gpt2_folder):
    """Return a base with a head whose scores are of the size of a trained one's."""
    base = load_base(str(gpt2_folder), dtype=torch.float64)
    task_of(base).attach(base.network, torch.Generator())
    head, drawn = base.network.qa_outputs, torch.Generator().manual_seed(0)
    for parameter in head.parameters():
        parameter.data.normal_(generator=drawn)
    return base


@pytest.fixture(scope="module")
def stock(base):
    """Return transformers' own class for questions, with the same head."""
    stock = AutoModelForQuestionAnswering.from_pretrained(base.source.folder, dtype=torch.float64)
    head = {
        f"qa_outputs.{name}": tensor
        for name, tensor in base.network.qa_outputs.state_dict().items()
    }
    assert not stock.load_state_dict(head, strict=False).unexpected_keys
    return stock.eval()


@torch.no_grad()
def loss_of(base, task, pieces):
    batch = flatten(pieces)
    return task.loss(base.network, base.network(batch), batch)


def lines_of(base, task, rows, tokens_at_once=300):
    encoding = task.encode(rows)
    found = answer_rows(base.network, task, encoding, tokens_at_once=tokens_at_once)
    return [task.prediction(*pair) for pair in zip(rows, found.outputs, strict=True)]


def test_before_training_every_span_is_as_likely(base):
    network, task = load_base(str(base.source.folder)).network, task_of(base, unanswerable=True)
    task.attach(network, torch.Generator())
    head = network.qa_outputs
    assert (head.weight.dtype, *head.weight.shape) == (torch.float32, 2, 16)
    assert head.bias.tolist() == [0, 0]
    assert not head.weight.any()


@torch.no_grad()
def test_the_loss_is_transformers_where_all_positions_are_read(base, stock):
    # Those let an answer begin in the question, too; here is none.
    rng, pieces, expected = random.Random(0), [], []
    for _ in range(20):
        tokens = rng.choices(range(1, 320), k=rng.randint(2, 30))
        start = rng.randrange(len(tokens))
        end = rng.randrange(start, len(tokens))
        targets = [START * (at == start) | END * (at == end) for at in range(len(tokens))]
        pieces.append(EncodedRow((tuple(tokens),), tuple(range(len(tokens))), tuple(targets)))
        places = {"start_positions": torch.tensor([start]), "end_positions": torch.tensor([end])}
        expected.append(float(stock(torch.tensor([tokens]), **places).loss))
    found = loss_of(base, task_of(base), pieces)
    assert float(found.total) == pytest.approx(sum(expected), rel=1e-5)
    assert found.count == 20


@torch.no_grad()
@pytest.mark.parametrize("unanswerable", [False, True])
def test_the_loss_of_a_row_is_that_of_its_answers_characters(base, stock, unanswerable):
    task = task_of(base, max_length=60, unanswerable=unanswerable)
    head = [0, *base.tokenizer("Which?\n")["input_ids"]]
    context = base.tokenizer(CONTEXT)["input_ids"]
    tail = [base.tokenizer.eos_token_id] * unanswerable
    output = stock(torch.tensor([[*head, *context, *tail]]))
    start, end = (logits[0, len(head) :] for logits in (output.start_logits, output.end_logits))
    for answer in ("a lovely story", "dull", "much", *([None] * unanswerable)):
        (piece,) = task.encode([question(answer)]).rows
        assert piece.tokens == (*head, *context, *tail)
        first = last = len(context)
        if answer:
            before = CONTEXT[: CONTEXT.index(answer)].rstrip()
            first = len(base.tokenizer(before)["input_ids"])
            first += base.tokenizer.decode(context[first]).isspace()
            last = len(base.tokenizer(f"{before} {answer}")["input_ids"]) - 1
        expected = -(start.log_softmax(0)[first] + end.log_softmax(0)[last]) / 2
        found = loss_of(base, task, [piece])
        assert (float(found.total), found.count) == (pytest.approx(float(expected), rel=1e-5), 1)


def test_windows_without_a_target_have_no_part_in_the_loss(base):
    task = task_of(base)
    encoding = task.encode([question("quiet")])
    ((*pieces,),) = encoding.asked
    assert len(pieces) > 1
    whole, learned = loss_of(base, task, pieces), loss_of(base, task, encoding.rows)
    assert whole.count == learned.count == len(encoding.rows) == 1
    torch.testing.assert_close(whole.total, learned.total)


def test_windows_without_the_answer_say_none_only_where_there_may_be_none(base):
    rows = [question("quiet")]
    encoding = task_of(base, unanswerable=True).encode(rows)
    assert len(encoding.rows) == len(encoding.asked[0]) > 1
    assert encoding.rows[0].targets[-1] == 0
    assert all(piece.targets[-1] == START | END for piece in encoding.rows[1:])
    assert len(task_of(base).encode(rows).rows) == 1


@pytest.mark.parametrize("unanswerable", [False, True])
def test_a_question_whose_answer_no_window_holds_teaches_nothing_and_is_counted(base, unanswerable):
    task = task_of(base, unanswerable=unanswerable)
    encoding = task.encode([question(CONTEXT), question("dull", number=1)])
    others = task.encode([question("dull", number=1)])
    assert encoding.rows == others.rows
    (note,) = {*encoding.notes} - {*others.notes}
    assert "no window" in note
    assert note.endswith(": 1")
    whole = loss_of(base, task, [piece for asked in encoding.asked for piece in asked])
    learned = loss_of(base, task, encoding.rows)
    assert whole.count == learned.count
    torch.testing.assert_close(whole.total, learned.total)


def test_a_question_that_is_only_asked_is_worth_no_note(base):
    assert task_of(base).encode([question()]).notes == ()


def test_an_answer_with_spaces_at_its_edges_is_learned_without_them(base):
    at = CONTEXT.index("dull")
    spaced = replace(question(), answers=(Answer(" dull ", at - 1),))
    task = task_of(base, unanswerable=True)
    assert task.encode([spaced]).rows == task.encode([question("dull")]).rows


def test_answers_that_are_too_long_to_be_given_are_counted(base):
    rows = [question("a lovely story"), question("dull", number=1)]
    (note,) = task_of(base, max_answer_tokens=5, max_length=60).encode(rows).notes
    assert "longer than task.max_answer_tokens" in note
    assert note.endswith(": 1")


def test_a_longer_window_than_the_base_reads_is_as_long_as_that(base):
    encoding = task_of(base, max_length=384, stride=8).encode([question("quiet", CONTEXT * 3)])
    assert max(map(len, encoding.asked[0])) == base.positions


def test_a_question_without_room_for_its_context_is_refused(base):
    with pytest.raises(DataError, match="DATA-TRUNC"):
        task_of(base).encode([question("quiet", asked="Which? " * 20)])


def test_none_depends_on_all_of_the_context(base):
    task = task_of(base, unanswerable=True, max_length=60)
    rows = [question(context=CONTEXT), question(context=CONTEXT.replace("quiet", "quiep"))]
    rows.append(question(context=CONTEXT, asked="Whuch?"))
    found = answer_rows(base.network, task, task.encode(rows), tokens_at_once=200).outputs
    none = [outputs[0].none for outputs in found]
    assert len({round(score, 4) for score in none}) == 3


def test_no_window_sees_another(base):
    task = task_of(base, unanswerable=True)
    rows = [question("dull", number=n, asked="W" * n) for n in range(1, 5)]
    together = lines_of(base, task, rows, tokens_at_once=10_000)
    for row, found in zip(rows, together, strict=True):
        (alone,) = lines_of(base, task, [row], tokens_at_once=1)
        assert alone.scores == pytest.approx(found.scores, abs=1e-6)


@settings(max_examples=200)
@given(
    size=st.integers(1, 12),
    longest=st.integers(1, 14),
    most=st.integers(1, 30),
    seed=st.integers(0),
)
def test_the_best_spans_are_the_best_of_all(size, longest, most, seed):
    generator = torch.Generator().manual_seed(seed % 2**32)
    start, end = torch.randn(2, size, dtype=torch.float64, generator=generator)
    every = [
        (float(start[first] + end[last]), first, last)
        for first in range(size)
        for last in range(first, min(size, first + longest))
    ]
    assert best_spans(start, end, longest=longest, most=most) == sorted(every, reverse=True)[:most]


@pytest.mark.parametrize("unanswerable", [False, True])
def test_candidates_stand_in_the_context_and_their_probabilities_add_up(base, unanswerable):
    task = task_of(base, unanswerable=unanswerable, n_best=7)
    contexts = [CONTEXT, "one", "tab\t and  two  spaces \n here", "🙂 naïve 日本語 . " * 5]
    rows = [question(context=context, number=n) for n, context in enumerate(contexts)]
    for row, line in zip(rows, lines_of(base, task, rows), strict=True):
        candidates = [text for text in line.scores if text]
        assert 1 <= len(candidates) <= 7
        assert all(text in row.context and text == text.strip() for text in candidates)
        assert ("" in line.scores) == unanswerable
        assert sum(line.scores.values()) == pytest.approx(1, abs=1e-5)
        assert line.prediction in line.scores
        assert (line.id, line.text, line.target) == (row.id, row.question, ())


def window_of(task, row, best, none=None):
    """Return an output for the row's first window: words of the context with their scores."""
    ((window, *_),) = task.windows.of([row])
    places = {word: window.answer(at := row.context.index(word), at + len(word)) for word in best}
    spans = [(score, *places[word]) for word, score in best.items()]
    return WindowSpans(tuple(sorted(spans, reverse=True)), none)


def test_probabilities_are_over_the_best_of_all_windows_and_the_lowest_none(base):
    task, row = task_of(base, unanswerable=True, max_length=40), question("dull")
    twice = replace(row, context=f"{CONTEXT} {CONTEXT}")
    windows = len(task.windows.of([twice])[0])
    outputs = [window_of(task, twice, {"quiet": 2.0, "a lovely story": 1.0}, none=3.0)]
    outputs += [replace(outputs[0], spans=(), none=0.5 - n) for n in range(windows - 1)]
    lowest = min(found.none for found in outputs)
    expected = torch.tensor([2.0, 1.0, lowest]).softmax(0).tolist()
    line = task.prediction(twice, outputs)
    assert line.scores == pytest.approx(
        dict(zip(("quiet", "a lovely story", ""), expected, strict=True))
    )
    assert (line.prediction, line.group) == ("quiet", twice.paragraph)


def test_a_text_that_stands_there_twice_counts_once_as_its_best(base):
    task, row = task_of(base, max_length=60), question()
    one = window_of(task, row, {"a": 1.0, "dull": 2.0})
    ((window,),) = task.windows.of([row])
    other = window.answer(CONTEXT.index(" a lovely") + 1, CONTEXT.index(" lovely"))
    output = WindowSpans(((3.0, *other), *one.spans), None)
    expected = torch.tensor([3.0, 2.0]).softmax(0).tolist()
    found = task.prediction(row, [output]).scores
    assert found == pytest.approx(dict(zip(("a", "dull"), expected, strict=True)))


@pytest.mark.parametrize(
    ("threshold", "none", "expected"),
    [(None, 1.9, "quiet"), (None, 2.1, ""), (0.9, 2.1, "quiet"), (0.1, 1.9, "")],
)
def test_none_is_said_above_the_threshold_or_above_the_best_span(base, threshold, none, expected):
    task, row = task_of(base, unanswerable=True, max_length=60), question("quiet")
    if threshold is not None:
        task = task.settled({"no_answer_threshold": threshold})
    output = window_of(task, row, {"quiet": 2.0, "dull": 0.0}, none)
    assert task.prediction(row, [output]).prediction == expected


def test_the_threshold_is_the_best_by_f1(base):
    task, rng, lines = task_of(base, unanswerable=True, max_length=384), random.Random(0), []
    assert isinstance(task, Settling)
    for number in range(400):  # of which too many are said to have none
        right = None if rng.random() < 0.5 else rng.choice(["quiet", "dull", "a lovely story"])
        row, said = question(right, number=number), rng.choice(["quiet", "a lovely story"])
        output = window_of(task, row, {said: 2.0}, rng.gauss(4.5 if right is None else 3.0))
        lines.append(task.prediction(row, [output]))
    golds = {line.id: line.target for line in lines}

    def f1(values):
        decided = [task.settled(values).decided(line) for line in lines]
        return score_rows(golds, {x.id: x.prediction for x in decided}, version="2.0").f1.mean()

    found = task.settle(lines)
    assert task.settled(found).windows == task.windows
    alike = [replace(line, scores={"dull": 0.5, "": 0.5}) for line in lines]
    assert (task.settle(alike), task.settled({}).threshold) == ({}, None)
    others = [f1({"no_answer_threshold": n / 200}) for n in range(201)]
    assert f1(found) >= max(others) - 1e-9
    assert max(others) > min(others)
