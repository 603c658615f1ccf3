"""The optimiser's numbers, its state on disk and back, and the learning rate of each step."""

import copy
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import get_scheduler

from loratory.recipe.schema import TrainingSection
from loratory.train.optimizer import (
    learning_rate,
    load_optimizer_tensors,
    make_optimizer,
    optimizer_tensors,
)

SCHEDULES = ("linear", "cosine", "constant")


def parameters(seed=0):
    """Return two matrices and a vector."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"a.weight": (3, 5), "b.weight": (4, 2), "b.bias": (4,)}
    return {name: nn.Parameter(torch.randn(s, generator=generator)) for name, s in shapes.items()}


def take_steps(optimizer, trained, number, *, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(number):
        for parameter in trained.values():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


def test_an_update_is_that_of_plain_adamw():
    section = TrainingSection(
        learning_rate=0.03, beta1=0.7, beta2=0.8, epsilon=0.01, weight_decay=0.2
    )
    ours, plain = parameters(), parameters()
    matrices = [p for p in plain.values() if p.ndim == 2]
    reference = torch.optim.AdamW(
        [{"params": matrices}, {"params": [plain["b.bias"]], "weight_decay": 0.0}],
        lr=0.03,
        betas=(0.7, 0.8),
        eps=0.01,
        weight_decay=0.2,
        foreach=False,
    )
    take_steps(make_optimizer(ours, section), ours, 5)
    take_steps(reference, plain, 5)
    for name, parameter in ours.items():
        torch.testing.assert_close(parameter, plain[name], rtol=1e-5, atol=1e-6)


def test_weight_decay_shrinks_matrices_alone():
    trained = parameters()
    before = copy.deepcopy(trained)
    optimizer = make_optimizer(trained, TrainingSection(learning_rate=0.1, weight_decay=0.5))
    for parameter in trained.values():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in trained.items():
        kept = 1.0 if parameter.ndim == 1 else 1 - 0.1 * 0.5
        torch.testing.assert_close(parameter.data, before[name].data * kept)


def test_parameters_of_one_kind_alone_make_an_optimizer():
    (vector,) = [p for p in parameters().values() if p.ndim == 1]
    take_steps(make_optimizer({"bias": vector}, TrainingSection()), {"bias": vector}, 1)


def test_state_comes_back_equal_byte_for_byte():
    trained = parameters()
    optimizer = make_optimizer(trained, TrainingSection())
    take_steps(optimizer, trained, 3)
    saved = optimizer_tensors(optimizer, trained)
    fresh = make_optimizer(trained, TrainingSection())
    load_optimizer_tensors(fresh, trained, saved)
    again = optimizer_tensors(fresh, trained)
    assert len(saved) == 2 * 3 + 1
    assert saved.keys() == again.keys()
    assert all(saved[name].numpy().tobytes() == again[name].numpy().tobytes() for name in saved)
    assert float(saved["step"]) == 3


def test_an_optimizer_with_loaded_state_goes_on_as_the_saved_one():
    first, second = parameters(), parameters()
    one = make_optimizer(first, TrainingSection())
    take_steps(one, first, 3)
    other = make_optimizer(second, TrainingSection())
    load_optimizer_tensors(other, second, optimizer_tensors(one, first))
    for name, parameter in first.items():
        second[name].data.copy_(parameter.data)
    take_steps(one, first, 4, seed=2)
    take_steps(other, second, 4, seed=2)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_loaded_state_is_a_copy():
    trained = parameters()
    one = make_optimizer(trained, TrainingSection())
    take_steps(one, trained, 1)
    saved = optimizer_tensors(one, trained)
    before = {name: tensor.clone() for name, tensor in saved.items()}
    other = make_optimizer(trained, TrainingSection())
    load_optimizer_tensors(other, trained, saved)
    take_steps(other, trained, 2)
    assert all(torch.equal(saved[name], before[name]) for name in saved)


def test_an_optimizer_that_has_not_stepped_has_no_state():
    trained = parameters()
    optimizer = make_optimizer(trained, TrainingSection())
    assert optimizer_tensors(optimizer, trained) == {}
    load_optimizer_tensors(optimizer, trained, {})
    take_steps(optimizer, trained, 1)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("warmup", "steps"), [(0, 7), (3, 20), (19, 20), (1, 1)])
def test_after_the_warm_up_the_rate_is_that_of_transformers(schedule, warmup, steps):
    section = TrainingSection(learning_rate=0.5, schedule=schedule, warmup=warmup)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.5)
    theirs = get_scheduler(name, optimizer, warmup, steps).lr_lambdas[0]
    for step in range(warmup, steps):
        assert learning_rate(step, steps, section) == pytest.approx(0.5 * theirs(step))
    # They train step 0 at a rate of zero; here a step of the warm-up is one further along.
    for step in range(warmup - 1):
        assert learning_rate(step, steps, section) == pytest.approx(0.5 * theirs(step + 1))


sections = st.builds(
    TrainingSection,
    learning_rate=st.floats(1e-6, 1.0),
    schedule=st.sampled_from(SCHEDULES),
    warmup=st.integers(0, 40) | st.floats(0, 0.99),
)


@given(sections, st.integers(1, 60))
def test_the_rate_rises_to_the_recipes_value_and_then_never_rises(section, steps):
    rates = [learning_rate(step, steps, section) for step in range(steps)]
    peak = rates.index(max(rates))
    assert all(0 < rate <= section.learning_rate for rate in rates)
    assert all(a < b for a, b in pairwise(rates[: peak + 1]))
    assert all(a >= b for a, b in pairwise(rates[peak:]))
    if not isinstance(section.warmup, int) or section.warmup <= steps:
        assert max(rates) == section.learning_rate


@given(st.floats(0, 0.99), st.integers(1, 60), st.sampled_from(SCHEDULES))
def test_a_share_of_the_steps_warms_up_like_that_many_steps(share, steps, schedule):
    counted = sum(number < share * steps for number in range(steps))
    by_share = TrainingSection(schedule=schedule, warmup=share)
    by_count = TrainingSection(schedule=schedule, warmup=counted)
    for step in range(steps):
        assert learning_rate(step, steps, by_share) == learning_rate(step, steps, by_count)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_rate_would_reach_zero_with_one_step_more(schedule):
    section = TrainingSection(schedule=schedule, warmup=5)
    rate = learning_rate(100, 100, section)
    assert rate == pytest.approx(0, abs=1e-12)
