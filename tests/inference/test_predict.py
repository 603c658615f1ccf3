"""Many rows at once: the same answers as one by one, in the rows' own order."""

import random

import pytest
import torch

from loratory.batching.flat import flatten
from loratory.batching.rows import total_tokens
from loratory.data.rows import Row
from loratory.inference.predict import predict_rows


@pytest.fixture(scope="module")
def rows(tuned):
    rng = random.Random(0)
    texts = ["lovely " * rng.randint(1, 12) + str(number) for number in range(17)]
    data = [Row(str(n), text, n % 2, f"rows:{n}") for n, text in enumerate(texts)]
    return tuned.task.encode(data).rows


def predict(tuned, rows, tokens_at_once, **options):
    return predict_rows(
        tuned.base.network, tuned.task, rows, tokens_at_once=tokens_at_once, **options
    )


@pytest.mark.parametrize("tokens", [1, 30, 100, 10**6])
def test_answers_are_those_of_each_row_alone(tuned, rows, tokens):
    answers = predict(tuned, rows, tokens)
    losses = []
    for row, scores in zip(rows, answers.scores, strict=True):
        alone = predict(tuned, [row], 10**6)
        assert scores == pytest.approx(alone.scores[0], rel=1e-5)
        losses.append(alone.loss)
    assert answers.loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert answers.tokens == total_tokens(rows)


def test_scores_are_the_softmax_of_the_heads_numbers(tuned, rows):
    network, batch = tuned.base.network, flatten(rows[:1])
    with torch.no_grad():
        numbers = network.get_submodule("score")(network(batch)[-1])
    assert predict(tuned, rows[:1], 1).scores[0] == pytest.approx(numbers.softmax(-1).tolist())


def test_the_order_of_the_rows_does_not_matter(tuned, rows):
    turned = predict(tuned, rows[::-1], 50).scores[::-1]
    for one, other in zip(predict(tuned, rows, 50).scores, turned, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_the_same_rows_give_the_same_bytes(tuned, rows):
    assert predict(tuned, rows, 50) == predict(tuned, rows, 50)


def test_nothing_is_dropped_out_and_nothing_learned(tuned, rows):
    tuned.base.network.train()
    first = predict(tuned, rows, 10**6).scores
    assert not tuned.base.network.training
    assert predict(tuned, rows, 10**6).scores == first
    assert all(parameter.grad is None for parameter in tuned.base.network.parameters())


def test_no_rows_have_no_answers(tuned):
    answers = predict(tuned, [], 50)
    assert (answers.scores, answers.loss, answers.tokens) == ([], 0.0, 0)
