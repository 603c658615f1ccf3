"""log p of tokens without the scores of all: equal to those of the scores, as are its gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from loratory.models import vocabulary
from loratory.models.load import load_base
from loratory.models.vocabulary import frozen_token_scores

BOTH = pytest.mark.parametrize("folder", ["gpt2_folder", "llama_folder"])


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch):
    """So few that a small vocabulary takes several rounds, the last of them shorter."""
    monkeypatch.setattr(vocabulary, "_AT_A_TIME", 7)


def made(positions, seed, size=1.0, tokens=25, hidden=6):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(positions, hidden, generator=generator, dtype=torch.float64) * size
    weight = torch.randn(tokens, hidden, generator=generator, dtype=torch.float64)
    bias = torch.randn(tokens, generator=generator, dtype=torch.float64)
    targets = torch.randint(tokens, (positions,), generator=generator)
    return x.requires_grad_(), weight, bias, targets


@settings(max_examples=60, deadline=None)
@given(
    positions=st.integers(1, 9),
    tokens=st.integers(1, 30),
    size=st.sampled_from([0.0, 0.1, 1.0, 100.0]),
    seed=st.integers(0, 999),
    biased=st.booleans(),
)
def test_it_is_the_cross_entropy_of_all_scores(positions, tokens, size, seed, biased):
    x, weight, bias, targets = made(positions, seed, size, tokens)
    shift = bias if biased else None
    log_p, hits = frozen_token_scores(x, weight, shift, targets)
    scores = F.linear(x, weight, shift)
    expected = -F.cross_entropy(scores, targets, reduction="none")
    slopes = torch.linspace(-1, 2, positions, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(each @ slopes, x)[0] for each in (log_p, expected))
    torch.testing.assert_close(log_p, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)
    assert hits.tolist() == (scores.gather(1, targets[:, None])[:, 0] >= scores.amax(1)).tolist()


def test_its_gradient_is_that_of_finite_differences():
    x, weight, bias, targets = made(4, seed=1)
    assert torch.autograd.gradcheck(
        lambda x: frozen_token_scores(x, weight, bias, targets)[0], (x,)
    )


def test_scores_as_large_as_they_come_stay_finite():
    x, weight, _, targets = made(5, seed=2, size=1e30)
    log_p, _ = frozen_token_scores(x, weight, None, targets)
    (slope,) = torch.autograd.grad(log_p.sum(), x)
    assert bool(log_p.isfinite().all())
    assert bool(slope.isfinite().all())


def test_what_is_computed_in_bfloat16_is_summed_in_float32():
    x, weight, bias, targets = (part.detach() for part in made(6, seed=3))
    half = [part.to(torch.bfloat16) for part in (x, weight, bias)]
    half[0].requires_grad_()
    log_p, _ = frozen_token_scores(*half, targets)
    (slope,) = torch.autograd.grad(log_p.sum(), half[0])
    assert (log_p.dtype, slope.dtype) == (torch.float32, torch.bfloat16)
    expected = -F.cross_entropy(F.linear(*half).float(), targets, reduction="none")
    torch.testing.assert_close(log_p, expected, atol=0.05, rtol=0.01)


def test_a_score_that_is_no_number_is_none_in_what_is_said_of_its_position_alone():
    x, weight, _, targets = made(3, seed=4)
    x = x.detach()
    x[1, 2] = torch.nan
    log_p, hits = frozen_token_scores(x, weight, None, targets)
    assert log_p.isnan().tolist() == [False, True, False]
    assert not hits[1]


@BOTH
@pytest.mark.parametrize("trains", [False, True])
def test_a_network_says_what_its_scores_say(request, folder, trains):
    base = load_base(str(request.getfixturevalue(folder)), language_head=True)
    network = base.network
    head = network.get_submodule(network.language_head)
    head.weight.requires_grad_(trains)
    hidden = torch.randn(5, head.in_features, generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([3, 1, 4, 1, 5])
    said = network.token_scores(hidden.requires_grad_(), tokens)
    logits = network.logits(hidden)
    torch.testing.assert_close(said.log_p, -F.cross_entropy(logits, tokens, reduction="none"))
    assert said.hits.tolist() == (logits.argmax(1) == tokens).tolist()
    assert head.weight.requires_grad == trains


def test_where_the_projection_trains_it_learns_too(gpt2_folder):
    network = load_base(str(gpt2_folder), language_head=True).network
    head = network.get_submodule(network.language_head)
    head.weight.requires_grad_()
    network.token_scores(
        torch.ones(2, head.in_features), torch.tensor([0, 1])
    ).log_p.sum().backward()
    assert float(head.weight.grad.abs().sum()) > 0


def test_the_likeliest_token_is_a_hit_and_no_other(gpt2_folder):
    network = load_base(str(gpt2_folder), language_head=True).network
    hidden = torch.randn(4, network.config.hidden_size, generator=torch.Generator().manual_seed(1))
    best = network.logits(hidden).argmax(1)
    assert bool(network.token_scores(hidden, best).hits.all())
    assert not bool(network.token_scores(hidden, (best + 1) % 320).hits.any())


def test_a_backbone_that_ends_in_scores_says_them_too(gpt2_folder):
    network = load_base(str(gpt2_folder)).network
    network.add_language_head("lm_head", nn.Identity())
    scores = torch.tensor([[0.0, 1.0, 2.0]])
    said = network.token_scores(scores, torch.tensor([2]))
    torch.testing.assert_close(said.log_p, scores.log_softmax(1)[:, 2])
    assert said.hits.tolist() == [True]
