"""Losses: sums with counts, equal to their textbook formulas."""

import pytest
import torch
from torch.nn import functional as F

from loratory.losses import cross_entropy


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 3, generator=generator, dtype=torch.float64) * 4
    return logits, torch.randint(3, (7,), generator=generator)


def test_cross_entropy_sums_the_negative_log_probability_of_each_target(rows):
    logits, targets = rows
    exponents = logits.exp()
    probabilities = exponents / exponents.sum(1, keepdim=True)
    expected = -sum(probabilities[row, target].log() for row, target in enumerate(targets))
    torch.testing.assert_close(cross_entropy(logits, targets).total, expected)


def test_its_count_is_the_number_of_rows(rows):
    assert cross_entropy(*rows).count == 7


def test_parts_add_up_to_the_mean_of_the_whole(rows):
    logits, targets = rows
    parts = [cross_entropy(logits[part], targets[part]) for part in (slice(0, 5), slice(5, 7))]
    mean = sum(part.total for part in parts) / sum(part.count for part in parts)
    torch.testing.assert_close(mean, F.cross_entropy(logits, targets))


def test_very_sure_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4]])
    assert float(cross_entropy(logits, torch.tensor([1])).total) == 2e4
