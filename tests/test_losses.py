"""Losses: sums with counts, equal to their textbook formulas."""

import math

import pytest
import torch
from torch.nn import functional as F

from loratory.losses import cross_entropy, distillation, negative_log_p


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


def test_it_says_of_each_row_what_it_says_of_the_rows_own_units(rows):
    logits, targets = rows
    log_p, hits = -F.cross_entropy(logits, targets, reduction="none"), logits.argmax(-1) == targets
    found = negative_log_p(log_p, hits, (2, 0, 1, 4)).rows
    probabilities = logits.softmax(-1)[torch.arange(7), targets]
    for row, units in {0: slice(0, 2), 2: slice(2, 3), 3: slice(3, 7)}.items():
        torch.testing.assert_close(found.loss[row], -probabilities[units].log().mean())
        torch.testing.assert_close(found.confidence[row], probabilities[units].mean())
        assert bool(found.right[row]) == bool(hits[units].all())
    assert bool(found.loss[1].isnan())
    assert not bool(found.right[1])


def test_what_it_says_of_rows_has_no_gradient(rows):
    logits, targets = rows
    found = cross_entropy(logits.requires_grad_(), targets).rows
    assert not found.loss.requires_grad
    assert found.loss.shape == (7,)


STUDENT = torch.tensor([[0.2, 0.8], [0.5, 0.5]], dtype=torch.float64).log()
TEACHER = torch.tensor([[0.9, 0.1], [0.25, 0.75]], dtype=torch.float64).log()


def test_distillation_is_the_weighted_sum_of_teacher_and_labels():
    # By hand, T = 2: softmax(log p / 2) is the square roots of p, divided by their sum.
    student = [(1 / 3, 2 / 3), (0.5, 0.5)]
    roots = 0.25**0.5, 0.75**0.5
    teacher = [(0.75, 0.25), (roots[0] / sum(roots), roots[1] / sum(roots))]
    apart = sum(
        q * math.log(q / p)
        for theirs, ours in zip(teacher, student, strict=True)
        for q, p in zip(theirs, ours, strict=True)
    )
    labels = -math.log(0.8) - math.log(0.5)
    found = distillation(STUDENT, TEACHER, torch.tensor([1, 0]), temperature=2.0, alpha=0.3)
    assert float(found.total) == pytest.approx(0.3 * 4 * apart + 0.7 * labels, abs=1e-12)
    assert found.count == 2


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 16.0])
def test_its_teacher_part_is_torchs_divergence_of_softened_logits(rows, temperature):
    student, _ = rows
    teacher = student.roll(1, 0)
    ours = F.log_softmax(student / temperature, -1)
    expected = F.kl_div(ours, F.softmax(teacher / temperature, -1), reduction="batchmean")
    none = torch.full((7,), -1)
    found = distillation(
        student.log_softmax(-1),
        teacher.log_softmax(-1),
        none,
        temperature=temperature,
        alpha=1.0,
    )
    torch.testing.assert_close(found.total / found.count, temperature**2 * expected)


def test_a_student_like_its_teacher_has_nothing_to_learn_from_it():
    same = STUDENT.float()
    labels = torch.tensor([0, 1])
    assert float(distillation(same, same, labels, temperature=2.0, alpha=1.0).total) == 0


def test_without_the_teacher_it_is_cross_entropy(rows):
    logits, targets = rows
    own = logits.log_softmax(-1)
    found = distillation(own, own.roll(1, 0), targets, temperature=3.0, alpha=0.0)
    torch.testing.assert_close(found.total, cross_entropy(logits, targets).total)
    torch.testing.assert_close(found.rows.loss, cross_entropy(logits, targets).rows.loss)


def test_a_row_without_a_label_learns_from_the_teacher_alone(rows):
    own = rows[0].log_softmax(-1)
    theirs = own.roll(1, 0)
    settings = {"temperature": 2.0, "alpha": 0.4}
    labels = torch.tensor([2, -1, 0, -1, 1, 1, -1])
    found = distillation(own, theirs, labels, **settings)
    alone = [
        distillation(own[[row]], theirs[[row]], labels[[row]], **settings).total for row in range(7)
    ]
    torch.testing.assert_close(found.total, sum(alone))
    teacher_only = distillation(own, theirs, torch.full((7,), -1), **settings).total
    right = sum(own[row, label] for row, label in enumerate(labels) if label >= 0)
    torch.testing.assert_close(found.total, teacher_only - 0.6 * right)
    assert found.rows.loss.isnan().tolist() == (labels < 0).tolist()


def test_its_gradient_is_that_of_finite_differences(rows):
    logits, targets = rows
    theirs = logits.roll(1, 0).log_softmax(-1)

    def total(student):
        own = student.log_softmax(-1)
        return distillation(own, theirs, targets, temperature=2.0, alpha=0.5).total

    assert torch.autograd.gradcheck(total, (logits.requires_grad_(),), atol=1e-6)
