"""Classification: each text's own last token, whatever stands beside it; every cut is counted."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.data.rows import Row
from loratory.errors import ConfigError, DataError
from loratory.models.load import load_base
from loratory.recipe.schema import ClassifyTask
from loratory.tasks.classify import Classify

LABELS = ("negative", "neither", "positive")
END = "<|endoftext|>"
CLOSE = {"rtol": 0, "atol": 1e-5}


def row(text, label=0, number=0):
    return Row(f"train/{number}", text, label, f"train.csv:{number + 2}")


def task_of(base, labels=LABELS, **section):
    return Classify(
        ClassifyTask(**section), labels=labels, tokenizer=base.tokenizer, positions=base.positions
    )


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def base(request):
    """Return a base with a head whose logits are of the size of a trained one's."""
    base = load_base(str(request.getfixturevalue(f"{request.param}_folder")))
    task_of(base).attach(base.network, torch.Generator().manual_seed(0))
    weight = base.network.score.weight.data
    weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    return base


@pytest.fixture(scope="module")
def stock(base):
    """Return transformers' own classifier of the same weights."""
    stock = AutoModelForSequenceClassification.from_pretrained(
        base.source.folder, num_labels=len(LABELS)
    )
    stock.score.weight.data.copy_(base.network.score.weight.data)
    return stock.eval()


def flat(texts):
    return flatten([EncodedRow((tuple(text),), (len(text) - 1,), (0,)) for text in texts])


@torch.no_grad()
def logits(base, texts):
    batch = flat(texts)
    return base.network.score(base.network(batch)[batch.read_at])


TEXT = st.lists(st.integers(0, 319) | st.just(0), min_size=1, max_size=40)  # 0 ends a text


@settings(max_examples=80, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=6))
def test_in_any_batch_a_texts_logits_are_transformers_for_the_text_alone(base, stock, texts):
    with torch.no_grad():
        expected = [stock(torch.tensor([text])).logits[0] for text in texts]
    torch.testing.assert_close(logits(base, texts), torch.stack(expected), **CLOSE)


@settings(max_examples=80, deadline=None)
@given(text=TEXT, others=st.lists(TEXT, max_size=5), place=st.integers(0, 5))
def test_neighbours_and_place_change_no_logit(base, text, others, place):
    batch = [*others[:place], text, *others[place:]]
    found = logits(base, batch)[min(place, len(others))]
    torch.testing.assert_close(found, logits(base, [text])[0], **CLOSE)


def test_probabilities_are_the_softmax_of_the_logits_and_add_up_to_one(base):
    texts = [[5, 6, 7], [9], [0, 0, 3]]
    batch, task = flat(texts), task_of(base)
    with torch.no_grad():
        scores = torch.tensor(task.predict(base.network, base.network(batch), batch).outputs)
    torch.testing.assert_close(scores.sum(1), torch.ones(3))
    torch.testing.assert_close(scores, logits(base, texts).softmax(1))


def test_the_loss_is_the_sum_over_rows_of_the_negative_log_probability(base):
    rows = [EncodedRow(((5, 6, 7),), (2,), (1,)), EncodedRow(((9,),), (0,), (2,))]
    batch, task = flatten(rows), task_of(base)
    with torch.no_grad():
        hidden = base.network(batch)
        loss = task.loss(base.network, hidden, batch)
        scores = torch.tensor(task.predict(base.network, hidden, batch).outputs)
    torch.testing.assert_close(loss.total, -(scores[0, 1].log() + scores[1, 2].log()))
    assert loss.count == 2


def test_before_training_every_class_is_as_likely(base):
    task, network = task_of(base), load_base_again(base)
    task.attach(network, torch.Generator().manual_seed(0))
    assert network.score.weight.shape == (3, 16)
    assert network.score.bias is None
    batch = flat([[5, 6, 7], [9]])
    with torch.no_grad():
        scores = task.predict(network, network(batch), batch).outputs
    assert scores == [pytest.approx([1 / 3] * 3)] * 2


def load_base_again(base):
    return load_base(str(base.source.folder)).network


def test_the_head_is_float32_and_computed_so_on_a_bfloat16_base(base):
    network, task = load_base_again(base), task_of(base)
    network.move("cpu", torch.bfloat16)
    task.attach(network, torch.Generator().manual_seed(0))
    network.score.weight.data.normal_(generator=torch.Generator().manual_seed(0))
    batch = flat([[5, 6, 7]])
    with torch.no_grad():
        hidden = network(batch)
        assert hidden.dtype == torch.bfloat16
        assert network.score.weight.dtype == torch.float32
        expected = (hidden[-1].float() @ network.score.weight.T).softmax(0)
        (found,) = task.predict(network, hidden, batch).outputs
    torch.testing.assert_close(torch.tensor(found), expected)


def test_a_row_is_read_at_its_last_token_towards_its_label(base):
    (encoded,) = task_of(base).encode([row("a quiet film", label=2)]).rows
    assert encoded.tokens == (0, *base.tokenizer("a quiet film")["input_ids"])
    assert (encoded.positions, encoded.targets) == ((len(encoded) - 1,), (2,))


def test_without_bos_a_text_begins_with_its_own_first_token(base):
    (encoded,) = task_of(base, bos=False).encode([row("a quiet film")]).rows
    assert encoded.tokens == tuple(base.tokenizer("a quiet film")["input_ids"])


def test_every_text_that_is_cut_is_counted_and_no_other(base):
    rng, rows, long = random.Random(0), [], 0
    for number in range(100):
        words = rng.randint(1, 30)
        rows.append(row("dull " * words, number=number))
        long += len(base.tokenizer(rows[-1].text)["input_ids"]) > 19
    encoding = task_of(base, max_length=20, too_long="truncate").encode(rows)
    assert 0 < long < 100
    assert encoding.truncated == long
    assert all(0 < len(encoded) <= 20 for encoded in encoding.rows)
    for source, encoded in zip(rows, encoding.rows, strict=True):
        assert encoded.tokens == (0, *base.tokenizer(source.text)["input_ids"][:19])
        assert encoded.positions == (len(encoded) - 1,)


def test_a_text_of_exactly_the_longest_length_is_not_cut(base):
    length = 1 + len(base.tokenizer("a quiet , lovely film")["input_ids"])
    task = task_of(base, max_length=length)
    assert task.encode([row("a quiet , lovely film")]).truncated == 0


def test_a_text_that_may_not_be_cut_is_refused_with_its_place(base):
    rows = [row("short"), row("far too long " * 40, number=1)]
    tokens = 1 + len(base.tokenizer(rows[1].text)["input_ids"])
    with pytest.raises(DataError) as caught:
        task_of(base).encode(rows)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("DATA-TRUNC", 3, "train.csv:3")
    assert (error.got, error.expected) == (f"{tokens:,} tokens", "at most 64")
    assert "task.too_long=truncate" in error.fix


def test_texts_may_not_be_longer_than_the_bases_positions(base):
    assert task_of(base, max_length=64).max_length == 64
    assert task_of(base).max_length == 64
    with pytest.raises(ConfigError) as caught:
        task_of(base, max_length=65)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("CFG-RANGE", 2, "task.max_length")
    assert (error.got, error.expected) == (65, "at most 64, the base's positions")


def test_a_length_that_leaves_no_token_of_the_text_is_refused(base):
    assert task_of(base, max_length=2).max_length == 2
    assert task_of(base, max_length=1, bos=False).max_length == 1
    with pytest.raises(ConfigError) as caught:
        task_of(base, max_length=1)
    assert (caught.value.code, caught.value.at) == ("CFG-RANGE", "task.max_length")


def test_a_text_without_a_token_is_an_error_with_its_place(base):
    with pytest.raises(DataError) as caught:
        task_of(base).encode([row("fine"), row("", number=1)])
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("DATA-TEXT", 3, "train.csv:3")


def test_a_reserved_token_in_a_text_is_plain_text_and_noted(base):
    rows = [row("fine"), row(f"odd {END} text", number=1), row(END, number=2)]
    encoding = task_of(base).encode(rows)
    assert base.tokenizer(END)["input_ids"] == [0]
    assert [encoded.tokens.count(0) for encoded in encoding.rows] == [1, 1, 1]
    assert base.tokenizer.decode(encoding.rows[1].tokens[1:]) == rows[1].text
    (note,) = encoding.notes
    assert note.startswith("2 texts contain a reserved token")
    assert "train.csv:3" in note


def test_ordinary_texts_are_worth_no_note(base):
    assert task_of(base).encode([row("a quiet film")]).notes == ()


def test_the_score_holds_every_metric_that_is_named_with_an_interval_around_it(base):
    task = task_of(base)
    certain = {0: (0.9, 0.1, 0.0), 1: (0.1, 0.9, 0.0), 2: (0.0, 0.1, 0.9)}
    rows = [row("text", label=n % 3, number=n) for n in range(30)]
    guesses = [certain[(line.label + (number == 7)) % 3] for number, line in enumerate(rows)]
    lines = [task.prediction(line, [guess]) for line, guess in zip(rows, guesses, strict=True)]
    scores = task.score(lines)
    assert scores.metrics.keys() == set(task.metrics) == scores.intervals.keys()
    assert scores.metrics["accuracy"] == pytest.approx(29 / 30)
    low, high = scores.intervals["accuracy"]
    assert low <= 29 / 30 <= high
