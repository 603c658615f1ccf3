"""Losses of pairs: TRL's numbers, and what the derivation of DPO promises, in docs/dpo.md."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from trl.experimental.cpo.cpo_trainer import CPOTrainer
from trl.experimental.orpo.orpo_trainer import ORPOTrainer

from loratory.preference_losses import (
    Logps,
    hinge_loss,
    ipo_loss,
    margins,
    orpo_loss,
    robust_loss,
    sigmoid_loss,
    simpo_loss,
)


def drawn(seed, pairs=6, scale=5.0):
    generator = torch.Generator().manual_seed(seed)
    both = -scale * torch.rand(2, pairs, generator=generator, dtype=torch.float64) - 0.01
    return Logps(*(part.clone().requires_grad_() for part in both))


SAME = (sigmoid_loss, robust_loss)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("loss", SAME)
def test_a_model_that_is_its_reference_has_a_loss_of_ln_2(loss, smoothing):
    policy = drawn(0)
    found = loss(policy, policy, beta=0.3, label_smoothing=smoothing)
    torch.testing.assert_close(found, torch.full_like(found, math.log(2)))


def test_the_gradients_are_beta_times_the_sigmoid_of_the_negative_margin():
    policy, reference, beta = drawn(1), drawn(2), 0.7
    sigmoid_loss(policy, reference, beta=beta).sum().backward()
    with torch.no_grad():
        expected = beta * torch.sigmoid(-beta * margins(policy, reference))
    torch.testing.assert_close(policy.chosen.grad, -expected)
    torch.testing.assert_close(policy.rejected.grad, expected)


def test_the_gradient_is_largest_where_the_rejected_answer_is_preferred():
    policy = Logps(torch.tensor([-9.0, -5.0, -1.0], requires_grad=True), torch.full((3,), -5.0))
    same = Logps(torch.full((3,), -5.0), torch.full((3,), -5.0))
    sigmoid_loss(policy, same, beta=1.0).sum().backward()
    # The sigmoid of 4, of 0 and of -4.
    expected = torch.tensor([-0.98201, -0.5, -0.01799])
    torch.testing.assert_close(policy.chosen.grad, expected, rtol=0, atol=1e-5)


def test_swapping_the_answers_negates_the_margin():
    policy, reference = drawn(3), drawn(4)
    swapped = [Logps(pair.rejected, pair.chosen) for pair in (policy, reference)]
    assert torch.equal(margins(*swapped), -margins(policy, reference))


def test_the_optimum_is_the_reference_times_the_exponential_of_the_reward_over_beta():
    """Four answers whose preferences follow Bradley and Terry: DPO finds π_ref exp(r/β) / Z."""
    beta = 0.5
    reward = torch.tensor([1.0, 0.0, -0.5, 0.3], dtype=torch.float64)
    reference = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64)
    first, second = torch.combinations(torch.arange(4)).unbind(1)
    share = torch.sigmoid(reward[first] - reward[second])
    scores = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=500, tolerance_grad=1e-12)

    def step():
        optimizer.zero_grad()
        logps, known = scores.log_softmax(0), reference.log()
        right = sigmoid_loss(
            Logps(logps[first], logps[second]), Logps(known[first], known[second]), beta=beta
        )
        wrong = sigmoid_loss(
            Logps(logps[second], logps[first]), Logps(known[second], known[first]), beta=beta
        )
        loss = (share * right + (1 - share) * wrong).sum()
        loss.backward()
        return loss

    optimizer.step(step)
    optimum = reference * (reward / beta).exp()
    torch.testing.assert_close(
        scores.detach().softmax(0), optimum / optimum.sum(), rtol=0, atol=1e-6
    )
    # The numbers that docs/dpo.md shows.
    shown = [round(float(p), 3) for p in scores.detach().softmax(0)]
    assert shown == [0.458, 0.248, 0.068, 0.226]


def test_simpo_and_its_margin_are_trls():
    policy, beta, gamma = drawn(5), 2.0, 0.5
    trl = SimpleNamespace(
        alpha=0.0,
        loss_type="simpo",
        simpo_gamma=gamma,
        beta=beta,
        label_smoothing=0.0,
        accelerator=SimpleNamespace(device="cpu"),
    )
    expected, chosen, _ = CPOTrainer.cpo_loss(trl, *policy)
    torch.testing.assert_close(simpo_loss(policy, beta=beta, gamma=gamma), expected)
    torch.testing.assert_close(beta * policy.chosen.detach(), chosen)


def test_orpos_odds_ratio_is_trls():
    policy = Logps(*(part.detach().float() for part in drawn(6)))
    trl = SimpleNamespace(beta=0.3, accelerator=SimpleNamespace(device="cpu"))
    odds, *_ = ORPOTrainer.odds_ratio_loss(trl, *policy)
    torch.testing.assert_close(orpo_loss(policy, beta=0.3), -policy.chosen - odds)


def test_orpo_is_finite_and_has_a_gradient_near_certainty_and_far_from_it():
    policy = Logps(*(torch.tensor([-1e-7, -80.0], requires_grad=True) for _ in range(2)))
    loss = orpo_loss(policy, beta=0.1)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(policy.chosen.grad).all()


def test_robust_loss_is_unbiased_over_swapped_pairs():
    """Of pairs swapped with probability e, the mean loss is that of the pairs as they were."""
    policy, reference, share = drawn(7), drawn(8), 0.3
    swapped = [Logps(pair.rejected, pair.chosen) for pair in (policy, reference)]
    settings = {"beta": 0.4, "label_smoothing": share}
    mean = (1 - share) * robust_loss(policy, reference, **settings) + share * robust_loss(
        *swapped, **settings
    )
    torch.testing.assert_close(mean, sigmoid_loss(policy, reference, beta=0.4))


def test_hinge_and_ipo_by_hand():
    policy = Logps(torch.tensor([-1.0, -3.0]), torch.tensor([-2.0, -1.0]))
    reference = Logps(torch.tensor([-2.0, -2.0]), torch.tensor([-2.0, -2.0]))
    # margins: (1 - 0) = 1 and (-1 - 1) = -2
    torch.testing.assert_close(hinge_loss(policy, reference, beta=0.5), torch.tensor([0.5, 2.0]))
    torch.testing.assert_close(ipo_loss(policy, reference, beta=0.5), torch.tensor([0.0, 9.0]))


def test_smoothing_mixes_the_pair_with_its_opposite():
    policy, reference = drawn(9), drawn(10)
    margin = 0.2 * margins(policy, reference)
    expected = -0.9 * F.logsigmoid(margin) - 0.1 * F.logsigmoid(-margin)
    found = sigmoid_loss(policy, reference, beta=0.2, label_smoothing=0.1)
    torch.testing.assert_close(found, expected)
