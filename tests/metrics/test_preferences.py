"""How well pairs are told apart, from lines of which every number can be seen."""

import pytest

from loratory.errors import DataError
from loratory.metrics.preferences import (
    evaluate_preferences,
    length_baseline,
    preference_line,
    reference_baseline,
)

BETA = 0.5


def line(number, policy, reference):
    rewards = tuple(BETA * (p - r) for p, r in zip(policy, reference, strict=True))
    said = {"reward": rewards, "logp": policy, "tokens": (3.0, 4.0), "reference": reference}
    return preference_line(f"t/{number}", "so", said, beta=BETA)


LINES = [
    line(0, (-5.0, -9.0), (-6.0, -6.0)),  # rewards 0.5 and -1.5
    line(1, (-8.0, -4.0), (-7.0, -6.0)),  # -0.5 and 1
    line(2, (-6.0, -7.0), (-6.0, -7.0 + 1e-7)),  # the same but for rounding
    line(3, (-5.0, -4.0), (-8.0, -5.0)),  # 1.5 and 0.5
]


def test_lines_say_which_answer_has_the_higher_reward():
    assert [one.prediction for one in LINES] == ["chosen", "rejected", "neither", "chosen"]
    assert {one.target for one in LINES} == {"chosen"}


def test_metrics_are_means_over_pairs_and_ties_are_not_won():
    found = evaluate_preferences(LINES, referred=True)
    assert found.metrics == pytest.approx(
        {
            "rewards/accuracies": 2 / 4,
            "rewards/margins": (2 - 1.5 + 0 + 1) / 4,
            "rewards/chosen": (0.5 - 0.5 + 0 + 1.5) / 4,
            "rewards/rejected": (-1.5 + 1 + 0 + 0.5) / 4,
            "logps/chosen": -24 / 4,
            "logps/rejected": -24 / 4,
            "ranking_accuracy": 2 / 4,
        },
        abs=1e-6,
    )
    assert found.intervals["rewards/accuracies"] == (0.0, 1.0)


def test_without_a_reference_log_probabilities_are_means_over_tokens():
    said = {"reward": (-1.0, -2.0), "logp": (-6.0, -16.0), "tokens": (3.0, 4.0)}
    found = evaluate_preferences([preference_line("t/0", "so", said, beta=BETA)], referred=False)
    assert found.metrics["logps/chosen"] == -2
    assert found.metrics["logps/rejected"] == -4
    assert "ranking_accuracy" not in found.metrics


def test_the_reference_by_itself_is_a_baseline():
    found = reference_baseline(LINES)
    assert found.name == "untuned base"
    # Ties, -7 below -6, -6 above -7, -8 below -5.
    assert found.metrics == {"rewards/accuracies": 1 / 4}


@pytest.mark.parametrize(
    ("train", "name", "value"),
    [
        ([("long", "no")], "the longer answer", 1 / 3),
        ([("no", "long")], "the shorter answer", 1 / 3),
    ],
)
def test_length_alone_goes_by_the_training_pairs(train, name, value):
    found = length_baseline(train, [("aaa", "a"), ("a", "aaa"), ("bb", "aa")])
    assert (found.name, found.metrics["rewards/accuracies"]) == (name, pytest.approx(value))


def test_lines_without_rewards_are_refused():
    with pytest.raises(DataError, match="no reward_chosen"):
        evaluate_preferences([LINES[0].__class__("t/9", "", None, "", {})], referred=True)
