"""Curves over the steps: drawn from the log alone, whatever is in it."""

from dataclasses import replace

import pytest

from loratory.report.canvas import plot_style
from loratory.report.curves import (
    gradient_curve,
    learning_rate_curve,
    loss_curve,
    metric_curve,
    reward_curve,
)

CURVES = [loss_curve, metric_curve, gradient_curve, learning_rate_curve]


@pytest.fixture(autouse=True)
def _style():
    with plot_style():
        yield


def steps(count, **values):
    return [{"event": "step", "step": step + 1, **values} for step in range(count)]


@pytest.mark.parametrize("curve", CURVES)
def test_an_empty_log_gives_no_curve(record, curve):
    assert curve(replace(record, events=[])) is None


@pytest.mark.parametrize("curve", CURVES)
def test_one_step_gives_a_curve(record, curve):
    first = [event for event in record.events if event.get("step", 5) == 5]
    assert curve(replace(record, events=first)).png


def test_values_that_are_missing_or_not_finite_are_left_out(record):
    events = [
        *steps(1, **{"train/loss": None}),
        *steps(1, **{"train/loss": float("nan")}),
        *steps(1),
        *steps(1, **{"train/loss": 0.5}),
    ]
    plot = loss_curve(replace(record, events=events))
    assert "0.500 at first, 0.500 at last" in plot.text


def test_the_loss_of_training_and_of_each_split_is_told(record):
    plot = loss_curve(record)
    assert "Training: 0.680 at first, 0.400 at last. validation: 0.500 at last." in plot.text
    assert "cross-entropy (nats)" in plot.svg
    assert "optimiser step" in plot.svg


def test_the_metric_stands_over_the_levels_of_the_baselines(record):
    plot = metric_curve(record)
    assert "validation: 87.5\u202f% at last" in plot.text
    for words in ("accuracy (%)", "majority class", "kept checkpoint"):
        assert words in plot.svg


def test_the_loss_of_tokens_is_one_per_token(texts):
    assert "cross-entropy (nats per token)" in loss_curve(texts).svg


def test_a_loss_that_is_no_cross_entropy_is_called_loss(changed, record):
    taught = replace(record, recipe={**record.recipe, "distillation": {"alpha": 0.5}})
    for other in (changed(task="preference"), taught):
        svg = loss_curve(other).svg
        assert "cross-entropy" not in svg
        assert "loss" in svg


def test_rewards_of_both_answers_are_drawn(record):
    rewards = {"train/rewards/chosen": 0.5, "train/rewards/rejected": -0.25}
    plot = reward_curve(replace(record, events=steps(3, **rewards)))
    assert plot.text == "Rewards over the steps; at last chosen 0.500, rejected -0.250."
    assert reward_curve(record) is None


def test_a_metric_that_should_fall_says_so_beside_the_base_before_training(texts):
    svg = metric_curve(texts).svg
    assert "perplexity (lower is better)" in svg
    assert "untuned base" in svg


def test_what_was_chosen_after_training_is_not_in_the_curve(spans):
    later = [
        {"event": "evaluation", "step": 15, "split": split, "eval/f1": 0.99, "eval/loss": 9.0}
        for split in ("threshold", "test")
    ]
    record = replace(spans, events=[*spans.events, *later])
    plot = metric_curve(record)
    assert plot.text.startswith("F1, before the threshold was chosen over the steps. validation: ")
    assert "99.0" not in plot.text
    assert "threshold:" not in loss_curve(record).text


def test_every_curve_runs_over_all_the_steps(record):
    first, *others = record.events_of("evaluation")
    events = [event for event in record.events if event not in others]
    assert first["step"] == 5
    assert ">15<" in metric_curve(replace(record, events=events)).svg


def test_every_layer_group_has_its_line_and_the_clipping_its_level(record):
    plot = gradient_curve(record)
    assert "of layers 0-1, head, all; at most 2." in plot.text
    for words in ("layers 0-1", "head", "clipping"):
        assert words in plot.svg


def test_a_learning_rate_of_zero_throughout_is_drawn(record):
    events = steps(3, **{"train/learning_rate": 0.0})
    assert learning_rate_curve(replace(record, events=events)).png


def test_the_learning_rate_names_its_power_of_ten(record):
    plot = learning_rate_curve(record)
    assert "learning rate (10⁻⁴)" in plot.svg
    assert "at most 0.000466667" in plot.text


def test_a_long_run_takes_no_more_room_than_a_short_one(record):
    def size(count):
        noisy = [
            {"event": "step", "step": step, "train/loss": step * 7919 % 1000 / 1000}
            for step in range(1, count + 1)
        ]
        return len(loss_curve(replace(record, events=noisy)).svg)

    assert size(30_000) < 2 * size(800)
