"""Losses of pairs of answers: pure functions of the answers' log-probabilities, `[pairs]` each.

    r(x, y) = β (log π(y|x) - log π_ref(y|x))          the reward that a model implies
    sigmoid   -log sigmoid(r_w - r_l)                         Rafailov et al. 2023, arXiv:2305.18290
    robust    of pairs of which a share is swapped      Chowdhury et al. 2024, arXiv:2403.00409
    hinge     max(0, 1 - (r_w - r_l))                   Zhao et al. 2023, arXiv:2305.10425
    ipo       (h_w - h_l - 1/2β)², h = log-ratio a token   Azar et al. 2023, arXiv:2310.12036
    orpo      -p_w - λ log sigmoid(log odds_w - log odds_l)   Hong et al. 2024, arXiv:2403.07691
    simpo     -log sigmoid(β p_w - β p_l - gamma)                 Meng et al. 2024, arXiv:2405.14734

w is the chosen answer, l the rejected, p the mean log-probability of an answer's tokens. IPO's
log-ratios are means as in TRL, whose authors had this from the paper's.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Logps(NamedTuple):
    """Log-probabilities of the answers of pairs, `[pairs]` each."""

    chosen: Tensor
    rejected: Tensor


def margins(policy: Logps, reference: Logps) -> Tensor:
    """Return by how much more a model than the reference prefers the chosen answers, in nats."""
    return (policy.chosen - reference.chosen) - (policy.rejected - reference.rejected)


def sigmoid_loss(
    policy: Logps, reference: Logps, *, beta: float, label_smoothing: float = 0.0
) -> Tensor:
    """Return DPO's loss; with a share of pairs taken to be the wrong way round, conservative."""
    margin = beta * margins(policy, reference)
    right, wrong = -F.logsigmoid(margin), -F.logsigmoid(-margin)
    return (1 - label_smoothing) * right + label_smoothing * wrong


def robust_loss(policy: Logps, reference: Logps, *, beta: float, label_smoothing: float) -> Tensor:
    """Return robust DPO's loss: its mean over swapped pairs is that over the right ones."""
    margin = beta * margins(policy, reference)
    right, wrong = -F.logsigmoid(margin), -F.logsigmoid(-margin)
    return ((1 - label_smoothing) * right - label_smoothing * wrong) / (1 - 2 * label_smoothing)


def hinge_loss(policy: Logps, reference: Logps, *, beta: float) -> Tensor:
    """Return the hinge loss of the rewards' margin."""
    return F.relu(1 - beta * margins(policy, reference))


def ipo_loss(policy: Logps, reference: Logps, *, beta: float) -> Tensor:
    """Return IPO's loss of mean log-probabilities."""
    return (margins(policy, reference) - 1 / (2 * beta)).square()


def orpo_loss(policy: Logps, *, beta: float) -> Tensor:
    """Return ORPO's loss of mean log-probabilities, with λ = `beta`."""
    log_odds = policy.chosen - policy.rejected
    log_odds = log_odds - _log_not(policy.chosen) + _log_not(policy.rejected)
    return -policy.chosen - beta * F.logsigmoid(log_odds)


def simpo_loss(policy: Logps, *, beta: float, gamma: float) -> Tensor:
    """Return SimPO's loss of mean log-probabilities."""
    return -F.logsigmoid(beta * (policy.chosen - policy.rejected) - gamma)


def _log_not(logp: Tensor) -> Tensor:
    """Return log(1 - exp(logp)) without loss of digits (Mächler 2012, log1mexp)."""
    near = logp > -math.log(2)
    # Each branch gets only what it can take, or the other's gradient would be nan.
    close = torch.log(-torch.expm1(torch.where(near, logp, -1.0)))
    far = torch.log1p(-torch.exp(torch.where(near, -1.0, logp)))
    return torch.where(near, close, far)
