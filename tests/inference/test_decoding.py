"""From scores to a token: transformers' own filters, and draws that follow the distribution."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from loratory.inference.decoding import Repetition, drawn, keep_top_k, keep_top_p, penalised


def scores_of(seed, texts=3, vocabulary=40):
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(texts, vocabulary, generator=generator) * 3
    # Equals among them, as there are in a rounded network.
    return (found * 2).round() / 2 if seed % 2 else found


@settings(max_examples=50)
@given(seed=st.integers(0, 99), k=st.integers(1, 50))
def test_top_k_is_that_of_transformers(seed, k):
    scores = scores_of(seed)
    assert torch.equal(keep_top_k(scores, k), TopKLogitsWarper(k)(None, scores))


@settings(max_examples=50)
@given(seed=st.integers(0, 99), p=st.floats(1e-12, 1))
@example(seed=0, p=1e-12)
def test_top_p_is_that_of_transformers(seed, p):
    scores = scores_of(seed)
    assert torch.equal(keep_top_p(scores, p), TopPLogitsWarper(p)(None, scores))


def test_what_has_no_probability_at_all_is_never_kept():
    scores = torch.tensor([[0.0, -200.0, 1.0]])
    expected = TopPLogitsWarper(1.0)(None, scores)
    assert torch.equal(keep_top_p(scores, 1.0), expected)
    assert expected.isinf().tolist() == [[False, True, False]]


@settings(max_examples=50)
@given(seed=st.integers(0, 99), k=st.integers(1, 50), p=st.floats(0.001, 1))
def test_both_together_leave_at_least_the_likeliest(seed, k, p):
    scores = scores_of(seed)
    kept = keep_top_p(keep_top_k(scores, k), p)
    assert torch.equal(kept, TopPLogitsWarper(p)(None, TopKLogitsWarper(k)(None, scores)))
    assert torch.equal(kept.max(-1).values, scores.max(-1).values)


TEXTS = [[1, 2, 2, 30], [0, 39, 7, 8], [5, 5, 5, 5]]


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.3, 4.0])
def test_the_penalty_is_that_of_transformers(penalty):
    scores, theirs = scores_of(0), RepetitionPenaltyLogitsProcessor(penalty)
    expected = theirs(torch.tensor(TEXTS), scores.clone())
    assert torch.equal(Repetition(penalty, TEXTS)(scores), expected)
    seen = torch.zeros(3, 40, dtype=torch.bool)
    for row, text in enumerate(TEXTS):
        seen[row, text] = True
    assert torch.equal(penalised(scores, seen, penalty), expected)


def test_the_penalty_follows_texts_as_they_grow_move_and_double():
    repetition, theirs = Repetition(2.0, TEXTS), RepetitionPenaltyLogitsProcessor(2.0)
    repetition(scores_of(0))
    repetition.grow([2, 0, 0], [11, 12, 13])
    now = torch.tensor([[*TEXTS[2], 11], [*TEXTS[0], 12], [*TEXTS[0], 13]])
    scores = scores_of(2)
    assert torch.equal(repetition(scores), theirs(now, scores.clone()))


def test_draws_follow_the_distribution():
    scores = torch.tensor([[0.0, 1.0, -torch.inf, 2.0, -1.0, -torch.inf]])
    numbers = np.random.default_rng(0).random(20_000)
    found = drawn(scores.expand(len(numbers), -1), torch.tensor(numbers))
    counts = torch.bincount(found, minlength=6).double()
    expected = scores[0].double().softmax(0) * len(numbers)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi_square < 16.27  # 3 degrees of freedom, p = 0.001


@pytest.mark.parametrize(("number", "token"), [(0.0, 1), (1 - 2**-53, 3)])
def test_the_ends_of_the_range_draw_what_can_be_drawn(number, token):
    scores = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]])
    numbers = torch.tensor([number], dtype=torch.float64)
    assert drawn(scores, numbers).tolist() == [token]


def test_each_text_is_drawn_by_its_own_number():
    scores = scores_of(4)
    numbers = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    alone = [int(drawn(scores[row : row + 1], numbers[row : row + 1])) for row in range(3)]
    assert drawn(scores, numbers).tolist() == alone
