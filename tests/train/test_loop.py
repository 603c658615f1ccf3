"""The loop: what one step does, however it is cut up, and what stops it."""

import copy
import shutil
from itertools import islice

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from loratory.batching.flat import flatten
from loratory.batching.rows import total_tokens
from loratory.errors import NumericsError
from loratory.losses import Loss
from loratory.methods.trained import trained_parameters
from loratory.recipe.schema import TrainingSection
from loratory.tasks.task import Task
from loratory.train.loop import Plan, updates
from loratory.train.optimizer import learning_rate, make_optimizer

WHOLE = 10**6


def plan_of(trainee, *, tokens=WHOLE, seed=3, **settings):
    """Return a plan of 4 rows a step: 14 rows are 4 steps an epoch, the last of 2 rows."""
    section = TrainingSection(**{"batch_size": 4, "learning_rate": 0.05, **settings})
    return Plan(trainee.rows, section, seed, tokens)


def train(trainee, plan, optimizer=None, **options):
    optimizer = optimizer or make_optimizer(trained_parameters(trainee.network), plan.training)
    return list(updates(trainee.network, trainee.task, optimizer, plan, **options))


def plain_optimizer(trainee):
    """Return an optimiser whose update is the gradient, so that weights show it."""
    return torch.optim.SGD(trained_parameters(trainee.network).values())


def gradients_by_hand(trainee, rows):
    """Return the mean loss over `rows`, each computed alone, and its gradients."""
    network = copy.deepcopy(trainee.network).train()
    losses = []
    for row in rows:
        batch = flatten([row])
        logits = network.get_submodule("score")(network(batch)[batch.read_at])
        losses.append(F.cross_entropy(logits, batch.targets))
    loss = torch.stack(losses).mean()
    loss.backward()
    return loss.item(), {name: p.grad for name, p in trained_parameters(network).items()}


def assert_same_bytes(first, second):
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize("tokens", [1, 7, 40])
def test_a_step_cut_into_parts_trains_like_a_whole_one(make_trainee, tokens):
    whole, parts = make_trainee(), make_trainee()
    expected = train(whole, plan_of(whole, epochs=2), plain_optimizer(whole))
    found = train(parts, plan_of(parts, tokens=tokens, epochs=2), plain_optimizer(parts))
    assert [update.rows for update in found] == [4, 4, 4, 2] * 2
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
        # Roundings of earlier steps add up; in float64, below, they do not show.
        assert ours.grad_norms == pytest.approx(theirs.grad_norms, rel=3e-5)
    for name, weight in parts.weights.items():
        torch.testing.assert_close(weight, whole.weights[name], rtol=1e-5, atol=1e-6)


def test_in_float64_it_is_the_same_to_nine_digits_with_adamw(make_trainee):
    whole, parts = make_trainee(), make_trainee()
    for trainee, tokens in ((whole, WHOLE), (parts, 20)):
        trainee.network.double()
        train(trainee, plan_of(trainee, tokens=tokens, epochs=2))
    for name, weight in parts.weights.items():
        torch.testing.assert_close(weight, whole.weights[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("tokens", [1, 20, WHOLE])
def test_loss_and_gradient_of_a_step_are_the_mean_over_its_rows(trainee, tokens):
    plan = plan_of(trainee, tokens=tokens, max_grad_norm=None, warmup=0)
    rows, before = plan.step(0), trainee.weights
    loss, gradients = gradients_by_hand(trainee, rows)
    update = next(updates(trainee.network, trainee.task, plain_optimizer(trainee), plan))
    assert update.loss == pytest.approx(loss, rel=1e-5)
    for name, weight in trainee.weights.items():
        expected = before[name] - update.learning_rate * gradients[name]
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("most", [1e-3, 0.5, 1e6, None])
def test_clipping_is_that_of_torch(trainee, most):
    plan = plan_of(trainee, max_grad_norm=most, warmup=0, learning_rate=1.0)
    before = trainee.weights
    _, gradients = gradients_by_hand(trainee, plan.step(0))
    holders = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients.values()]
    for holder, gradient in zip(holders, gradients.values(), strict=True):
        holder.grad = gradient
    norm = torch.nn.utils.clip_grad_norm_(holders, most or float("inf"))
    update = next(updates(trainee.network, trainee.task, plain_optimizer(trainee), plan))
    assert update.grad_norm == pytest.approx(float(norm), rel=1e-5)
    for (name, weight), holder in zip(trainee.weights.items(), holders, strict=True):
        torch.testing.assert_close(before[name] - weight, holder.grad, rtol=1e-4, atol=1e-6)


def test_the_norms_of_the_groups_make_the_whole_norm(trainee):
    for update in train(trainee, plan_of(trainee)):
        assert update.grad_norms.keys() == {"layer 0", "layer 1", "head"}
        squares = sum(norm**2 for norm in update.grad_norms.values())
        assert squares**0.5 == pytest.approx(update.grad_norm)


def test_a_groups_norm_is_that_of_its_tensors(trainee):
    plan = plan_of(trainee)
    _, gradients = gradients_by_hand(trainee, plan.step(0))
    update = next(updates(trainee.network, trainee.task, plain_optimizer(trainee), plan))
    for group, mark in {"layer 0": ".0.", "layer 1": ".1.", "head": "score"}.items():
        own = [gradient.flatten() for name, gradient in gradients.items() if mark in name]
        assert update.grad_norms[group] == pytest.approx(float(torch.cat(own).norm()), rel=1e-5)


def test_many_layers_are_shown_in_three_groups(make_gpt2_trainee, gpt2_folder, tmp_path):
    shutil.copytree(gpt2_folder, tmp_path, dirs_exist_ok=True)
    config = GPT2Config.from_pretrained(gpt2_folder, n_layer=7)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    deep = make_gpt2_trainee(folder=tmp_path)
    (update,) = train(deep, plan_of(deep, batch_size=14))
    assert list(update.grad_norms) == ["layers 0-2", "layers 3-5", "layer 6", "head"]


def test_an_update_counts_steps_epochs_rows_and_tokens(trainee):
    plan = plan_of(trainee, epochs=2)
    found = train(trainee, plan)
    assert plan.steps == len(found) == 8
    assert [update.step for update in found] == list(range(1, 9))
    assert [update.epoch for update in found] == [step / 4 for step in range(1, 9)]
    assert sum(update.tokens for update in found) == 2 * total_tokens(trainee.rows)
    for step, update in enumerate(found):
        assert update.rows == len(plan.step(step))
        assert update.tokens == total_tokens(plan.step(step))
        assert update.learning_rate == learning_rate(step, 8, plan.training)


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own(trainee):
    plan = plan_of(trainee, epochs=5)
    orders = [
        [id(row) for step in range(4 * epoch, 4 * epoch + 4) for row in plan.step(step)]
        for epoch in range(5)
    ]
    assert all(sorted(order) == sorted(map(id, trainee.rows)) for order in orders)
    assert len(set(map(tuple, orders))) == 5
    assert [id(row) for row in plan_of(trainee, seed=4).step(0)] != orders[0][:4]


def test_the_loss_falls(trainee):
    found = train(trainee, plan_of(trainee, epochs=12, learning_rate=0.01))
    first, last = (sum(update.loss for update in part) for part in (found[:4], found[-4:]))
    assert last < 0.7 * first


def test_dropout_draws_anew_at_every_step_and_is_off_for_no_step(make_gpt2_trainee):
    trainee = make_gpt2_trainee(rows=4, lora_dropout=0.5)
    still = torch.optim.SGD(trained_parameters(trainee.network).values())
    plan = plan_of(trainee, epochs=6, learning_rate=1e-30)
    losses = {round(update.loss, 6) for update in train(trainee, plan, still)}
    assert len(losses) == 6


def test_what_happens_between_steps_leaves_no_trace(make_trainee):
    calm, disturbed = make_trainee(lora_dropout=0.3), make_trainee(lora_dropout=0.3)
    train(calm, plan_of(calm))
    optimizer = make_optimizer(trained_parameters(disturbed.network), plan_of(disturbed).training)
    steps = updates(disturbed.network, disturbed.task, optimizer, plan_of(disturbed))
    for _ in steps:
        disturbed.network.eval()
        torch.rand(3)
    assert_same_bytes(disturbed.weights, calm.weights)


@pytest.mark.parametrize("start", range(5))
def test_going_on_from_a_step_is_the_same_as_never_stopping(make_trainee, start):
    plan = {"tokens": 20}
    straight, broken = make_trainee(lora_dropout=0.3), make_trainee(lora_dropout=0.3)
    expected = train(straight, plan_of(straight, **plan))
    optimizer = make_optimizer(trained_parameters(broken.network), plan_of(broken).training)
    parts = updates(broken.network, broken.task, optimizer, plan_of(broken, **plan))
    found = list(islice(parts, start))
    torch.manual_seed(99)
    found += train(broken, plan_of(broken, **plan), optimizer, start=start)
    assert found == expected
    assert_same_bytes(broken.weights, straight.weights)


class PoisonedTask:
    """A task whose loss is no number at one call; its gradient stays a number."""

    def __init__(self, task: Task, value: float, *, call: int) -> None:
        self.task, self.value, self.call = task, value, call

    def loss(self, *arguments):
        loss = self.task.loss(*arguments)
        self.call -= 1
        return Loss(loss.total + self.value, loss.count) if self.call == 0 else loss


def poison_gradient(network, value, *, call):
    """Make one number of one trained tensor's gradient `value`, when it is computed that often."""
    calls = iter(range(1, 100))
    name = sorted(trained_parameters(network))[call % 5]

    def poisoned(gradient):
        if next(calls) != call:
            return gradient
        gradient = gradient.clone()
        gradient[0, -1] = value
        return gradient

    trained_parameters(network)[name].register_hook(poisoned)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("where", ["loss", "gradient"])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 8])
def test_a_number_that_is_not_finite_stops_before_the_weights(
    make_gpt2_trainee, where, value, step
):
    trainee, healthy = make_gpt2_trainee(), make_gpt2_trainee()
    plan, task = plan_of(trainee, epochs=2), trainee.task
    if where == "loss":
        task = PoisonedTask(task, float(value), call=step)
    else:
        poison_gradient(trainee.network, float(value), call=step)
    optimizer = make_optimizer(trained_parameters(trainee.network), plan.training)
    seen = []
    with pytest.raises(NumericsError, match=rf"NUM-NAN.*at step {step}, got") as caught:
        seen += updates(trainee.network, task, optimizer, plan)
    assert caught.value.exit_code == 7
    other = make_optimizer(trained_parameters(healthy.network), plan.training)
    list(
        islice(updates(healthy.network, healthy.task, other, plan_of(healthy, epochs=2)), step - 1)
    )
    assert_same_bytes(trainee.weights, healthy.weights)
