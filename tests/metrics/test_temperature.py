"""Temperature: the likeliest one, beside scipy; kept only where it helps; no answer changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from loratory.metrics.predictions import Prediction
from loratory.metrics.temperature import (
    at_temperature,
    careful_temperature,
    fitted_temperature,
    settled_temperature,
)


def sample(seed, *, sharpness, rows=400, classes=3):
    """Return probabilities whose logits are `sharpness` times as large as they should be."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes)) * 2
    targets = np.array([rng.choice(classes, p=softmax(row)) for row in logits])
    return softmax(logits * sharpness, axis=1), targets


def scipys(probabilities, targets):
    def loss(temperature):
        scores = log_softmax(np.log(probabilities) / temperature, axis=1)
        return -scores[np.arange(len(targets)), targets].mean()

    return minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_it_is_where_scipy_finds_the_lowest_loss(sharpness, classes):
    probabilities, targets = sample(7, sharpness=sharpness, classes=classes)
    expected = scipys(probabilities, targets)
    assert fitted_temperature(probabilities, targets) == pytest.approx(expected, rel=1e-5)


def test_it_finds_how_much_too_sure_a_model_is():
    found = fitted_temperature(*sample(1, sharpness=3.0, rows=20_000))
    assert found == pytest.approx(3.0, rel=0.05)


def test_it_stays_within_its_limits():
    probabilities, _ = sample(2, sharpness=1.0)
    assert fitted_temperature(probabilities, probabilities.argmin(1)) == pytest.approx(20)
    assert fitted_temperature(probabilities, probabilities.argmax(1)) == pytest.approx(0.05)


def test_what_is_no_better_than_chance_is_left_out():
    kept = [careful_temperature(*sample(seed, sharpness=1.0, rows=60)) for seed in range(200)]
    assert np.mean([temperature == 1 for temperature in kept]) > 0.93


def test_what_helps_clearly_is_kept():
    given_ = sample(3, sharpness=3.0)
    assert careful_temperature(*given_) == fitted_temperature(*given_) > 2


def test_where_all_rows_are_right_nothing_is_learned():
    probabilities, _ = sample(4, sharpness=1.0)
    assert careful_temperature(probabilities, probabilities.argmax(1)) == 1


def test_a_probability_of_zero_is_survived():
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.2, 0.8]])
    assert 0.05 <= fitted_temperature(probabilities, np.array([1, 1, 0, 1])) <= 20


@given(
    st.lists(st.floats(-8, 8), min_size=2, max_size=5),
    st.floats(0.2, 5),
)
def test_it_divides_the_logits_and_is_undone_by_its_inverse(logits, temperature):
    before = dict(zip("abcde", softmax(logits).tolist(), strict=False))
    after = at_temperature(before, temperature)
    assert [*after.values()] == pytest.approx(softmax(np.array(logits) / temperature), abs=1e-12)
    assert at_temperature(after, 1 / temperature) == pytest.approx(before, abs=1e-9)


def test_it_is_settled_on_lines_that_know_their_targets():
    probabilities, targets = sample(5, sharpness=3.0, classes=2)
    labels = ("no", "yes")
    lines = [
        Prediction(str(n), "", labels[target], "no", dict(zip(labels, row, strict=True)))
        for n, (row, target) in enumerate(zip(probabilities.tolist(), targets, strict=True))
    ]
    found = settled_temperature(lines, labels)
    assert found == {"temperature": careful_temperature(probabilities, targets)}
    assert settled_temperature([], labels) == {}
