"""Plain text: every token is predicted once, and its nats are those of transformers."""

import math

import pytest
import torch

from loratory.batching.flat import flatten
from loratory.data.rows import TextRow
from loratory.errors import ConfigError, DataError
from loratory.inference.predict import answer_rows
from loratory.recipe.schema import TextTask
from loratory.tasks.text import PlainText

TEXTS = ["a lovely film", "so", "naïve 🙂 日本 " * 4, "dull , dull and dull again " * 9]


def rows_of(texts=TEXTS):
    return [TextRow(f"train/{n}", text, f"a.txt:{n + 1}") for n, text in enumerate(texts)]


def task_of(base, **section):
    return PlainText(TextTask(**section), tokenizer=base.tokenizer, positions=base.positions)


def lines_of(base, task, rows, tokens_at_once=200):
    found = answer_rows(base.network, task, task.encode(rows), tokens_at_once=tokens_at_once)
    return [task.prediction(*pair) for pair in zip(rows, found.outputs, strict=True)], found.loss


@torch.no_grad()
def nats_of(base, stock, text, *, room, bos):
    """Return nats and predicted tokens of a text in pieces of `room` tokens, by transformers."""
    tokens, nats, count = base.tokenizer(text)["input_ids"], 0.0, 0
    for start in range(0, len(tokens), room):
        piece = torch.tensor([[*[0] * bos, *tokens[start : start + room]]])
        predicted = piece.shape[1] - 1
        if predicted:
            nats += float(stock(piece, labels=piece).loss) * predicted
            count += predicted
    return nats, count


@pytest.mark.parametrize("bos", [True, False])
def test_a_texts_nats_are_transformers_loss_times_its_tokens(lm, stock_lm, bos):
    rows = rows_of() if bos else rows_of(TEXTS[::2])
    lines, loss = lines_of(lm, task_of(lm, max_length=16, bos=bos), rows)
    total = count = 0
    for row, line in zip(rows, lines, strict=True):
        nats, tokens = nats_of(lm, stock_lm, row.text, room=16 - bos, bos=bos)
        assert line.scores["nats"] == pytest.approx(nats, rel=1e-6)
        assert line.scores["tokens"] == tokens
        assert not bos or line.scores["bytes"] == len(row.text.encode("utf-8"))
        assert (line.id, line.text, line.target, line.prediction) == (row.id, row.text, None, "")
        total, count = total + nats, count + tokens
    assert loss == pytest.approx(total / count, rel=1e-6)


def test_the_loss_is_that_of_all_pieces(lm):
    task, rows = task_of(lm, max_length=16), rows_of()
    batch = flatten(task.encode(rows).rows)
    with torch.no_grad():
        loss = task.loss(lm.network, lm.network(batch), batch)
    lines, _ = lines_of(lm, task, rows)
    assert float(loss.total) == pytest.approx(sum(line.scores["nats"] for line in lines))
    assert loss.count == sum(line.scores["tokens"] for line in lines)


@pytest.mark.parametrize("most", [2, 3, 7, 64])
def test_with_bos_every_token_is_predicted_once_in_pieces_that_fit(lm, most):
    rows = rows_of()
    encoding = task_of(lm, max_length=most).encode(rows)
    for row, pieces in zip(rows, encoding.asked, strict=True):
        targets = [target for piece in pieces for target in piece.targets]
        assert targets == lm.tokenizer(row.text)["input_ids"]
        for piece in pieces:
            assert len(piece) <= most
            assert piece.tokens[0] == 0
            assert piece.targets == piece.tokens[1:]
            assert piece.positions == tuple(range(len(piece) - 1))
        assert all(len(piece) == most for piece in pieces[:-1])
    assert encoding.rows == tuple(piece for pieces in encoding.asked for piece in pieces)
    assert encoding.truncated == 0


def test_without_bos_each_pieces_first_token_is_not_predicted(lm):
    (row,) = rows_of([TEXTS[3]])
    (pieces,) = task_of(lm, max_length=7, bos=False).encode([row]).asked
    tokens = lm.tokenizer(row.text)["input_ids"]
    assert len(tokens) % 7 != 1
    predicted = [token for at, token in enumerate(tokens) if at % 7]
    assert [target for piece in pieces for target in piece.targets] == predicted


@pytest.mark.parametrize("most", [2, 7, 9, 64])
@pytest.mark.parametrize("eos", [True, False])
def test_without_bos_bytes_are_those_of_the_predicted_tokens(lm, most, eos):
    row = TextRow("train/0", "dull , dull and\n\n dull again " * 5, "a.txt:1")
    lines, _ = lines_of(lm, task_of(lm, max_length=most, bos=False, eos=eos), [row])
    tokens = lm.tokenizer(row.text)["input_ids"]
    predicted = [token for at, token in enumerate(tokens) if at % most]
    assert lines[0].scores["tokens"] == len(predicted) + (eos and len(tokens) % most > 0)
    # Of a byte-level tokenizer's token each character is a byte.
    assert lines[0].scores["bytes"] == len("".join(lm.tokenizer.convert_ids_to_tokens(predicted)))


def test_a_text_of_one_token_without_a_beginning_is_refused(lm):
    task, row = task_of(lm, bos=False), rows_of(["so", "a"])
    assert len(lm.tokenizer("a")["input_ids"]) == 1
    with pytest.raises(DataError) as caught:
        task.encode(row)
    assert (caught.value.code, caught.value.at) == ("DATA-TEXT", "a.txt:2")
    assert task_of(lm).encode(row)


def test_a_piece_is_of_512_tokens_or_the_bases_positions(lm):
    assert task_of(lm).max_length == 64
    longer = PlainText(TextTask(), tokenizer=lm.tokenizer, positions=4096)
    assert longer.max_length == 512
    given = PlainText(TextTask(max_length=2000), tokenizer=lm.tokenizer, positions=4096)
    assert given.max_length == 2000


@pytest.mark.parametrize("bos", [True, False])
def test_a_piece_of_one_token_predicts_nothing_and_is_refused(lm, bos):
    with pytest.raises(ConfigError) as caught:
        task_of(lm, max_length=1, bos=bos)
    assert (caught.value.code, caught.value.at) == ("CFG-RANGE", "task.max_length")


def test_no_piece_sees_another(lm):
    task, rows = task_of(lm, max_length=16), rows_of()
    together, _ = lines_of(lm, task, rows, tokens_at_once=10_000)
    for row, found in zip(rows, together, strict=True):
        ((alone,), _) = lines_of(lm, task, [row], tokens_at_once=1)
        assert alone.scores == pytest.approx(found.scores, rel=1e-9)


def test_perplexity_is_over_all_tokens_alike(lm):
    task = task_of(lm, max_length=16)
    lines, loss = lines_of(lm, task, rows_of())
    metrics = task.score(lines).metrics
    assert metrics.keys() == set(task.metrics)
    assert task.main_metric in task.metrics
    assert metrics["perplexity"] == pytest.approx(math.exp(loss))
    nats, size = (sum(line.scores[name] for line in lines) for name in ("nats", "bytes"))
    assert metrics["bits_per_byte"] == pytest.approx(nats / math.log(2) / size)
    assert task.baselines([], []) == []


def test_a_reserved_token_is_plain_text_and_noted(lm):
    encoding = task_of(lm).encode(rows_of(["<|endoftext|>", "so"]))
    assert [piece.tokens.count(0) for piece in encoding.rows] == [1, 1]
    (note,) = encoding.notes
    assert "a.txt:1" in note
