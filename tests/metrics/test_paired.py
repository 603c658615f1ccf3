"""Paired differences: as often right as they say, on simulated runs whose truth is known."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from loratory.metrics.mcnemar import mcnemar_p_value
from loratory.metrics.paired import paired_difference, resampled
from loratory.metrics.parts import RowSums

ROWS = 200


def mean_of(values):
    """Return the mean of values, one per row, as sums."""
    columns = np.column_stack([values, np.ones(len(values))])
    return RowSums(columns, lambda sums: sums[..., 0] / sums[..., 1], (0.0, 1.0), values)


def f1_of(targets, predicted):
    """Return F1 of the class 1, as sums."""
    columns = np.column_stack([targets * predicted, targets + predicted]).astype(float)
    return RowSums(columns, lambda s: 2 * s[..., 0] / np.maximum(s[..., 1], 1), (0.0, 1.0))


def differ(first, second, clusters=None):
    clusters = np.arange(len(first[0].columns)) if clusters is None else clusters
    return paired_difference(
        resampled(first, clusters, entry=0), resampled(second, clusters, entry=1)
    )


def accuracies(generator, shares):
    """Return two runs' outcomes: `shares` of rows that both, one, the other, neither has right."""
    cells = generator.choice(4, size=ROWS, p=shares)
    return np.isin(cells, (0, 1)).astype(float), np.isin(cells, (0, 2)).astype(float)


def simulated(pairs, shares):
    """Return how often the interval holds the truth, and how often each test sees a difference."""
    generator = np.random.default_rng(0)
    truth = shares[1] - shares[2]
    held = bootstrap = mcnemar = 0
    for _ in range(pairs):
        first, second = accuracies(generator, shares)
        found = differ([mean_of(first)], [mean_of(second)])
        low, high = found.interval
        held += low <= truth <= high
        bootstrap += found.p_value < 0.05
        mcnemar += mcnemar_p_value(first, second) < 0.05
    return held / pairs, bootstrap / pairs, mcnemar / pairs


def test_of_simulated_pairs_about_95_in_100_intervals_hold_the_truth_and_5_tests_err():
    held, bootstrap, mcnemar = simulated(250, (0.6, 0.12, 0.12, 0.16))
    assert 0.91 <= held <= 0.985
    assert bootstrap <= 0.09
    assert mcnemar <= 0.08


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "shares", [(0.6, 0.12, 0.12, 0.16), (0.75, 0.10, 0.05, 0.10), (0.9, 0.03, 0.03, 0.04)]
)
def test_of_2000_simulated_pairs_intervals_hold_the_truth_in_93_to_97_of_100(shares):
    held, bootstrap, mcnemar = simulated(2000, shares)
    print(shares, held, bootstrap, mcnemar)  # noqa: T201 - the figures that docs/compare.md has
    assert 0.93 <= held <= 0.97
    if shares[1] == shares[2]:
        assert mcnemar <= 0.05
        assert bootstrap <= 0.065


def test_a_difference_of_means_is_that_of_the_paired_t_test():
    generator = np.random.default_rng(0)
    first = generator.random(ROWS)
    second = np.clip(first - generator.normal(0.02, 0.15, size=ROWS), 0, 1)
    expected = ttest_rel(first, second)
    found = differ([mean_of(first)], [mean_of(second)])
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.01)
    low, high = expected.confidence_interval()
    assert found.interval == pytest.approx((low, high), abs=0.002)


def test_a_metric_that_is_no_mean_is_drawn_as_often_as_it_is_right():
    generator = np.random.default_rng(0)
    shares = np.array([[0.35, 0.15], [0.12, 0.38]])
    truth = 0.0
    held = 0
    for _ in range(200):
        cells = generator.choice(4, size=(2, ROWS), p=shares.ravel())
        targets = cells[0] // 2
        # Given the target, each run errs for itself and as often as the other.
        wrong = [0.15 / 0.5, 0.12 / 0.5]
        said = [
            np.where(generator.random(ROWS) < np.take(wrong, targets), 1 - targets, targets)
            for _ in range(2)
        ]
        low, high = differ([f1_of(targets, said[0])], [f1_of(targets, said[1])]).interval
        held += low <= truth <= high
    assert 0.90 <= held / 200 <= 0.99


def paragraphs(generator, amount=60, each=5):
    """Return two runs whose questions stand and fall with their paragraph, and its number."""
    levels = generator.normal(0, 0.25, size=(2, amount))
    clusters = np.repeat(np.arange(amount), each)
    noise = generator.normal(0, 0.05, size=(2, amount * each))
    return *np.clip(0.5 + levels[:, clusters] + noise, 0, 1), clusters


def test_questions_of_a_paragraph_are_no_independent_witnesses():
    generator = np.random.default_rng(0)
    together = alone = 0
    for _ in range(120):
        first, second, clusters = paragraphs(generator)
        low, high = differ([mean_of(first)], [mean_of(second)], clusters).interval
        together += low <= 0 <= high
        low, high = differ([mean_of(first)], [mean_of(second)]).interval
        alone += low <= 0 <= high
    assert together / 120 >= 0.90
    assert alone / 120 <= 0.75


def seeded(generator, seeds, *, spread):
    """Return an entry's runs: each seed has a level of its own, each row is right or not by it."""
    hard = generator.random(ROWS)
    levels = np.clip(generator.normal(0.75, spread, size=seeds), 0, 1)
    noise = generator.normal(0, 0.1, size=(seeds, ROWS))
    return [
        mean_of((hard + own < level).astype(float))
        for own, level in zip(noise, levels, strict=True)
    ]


@pytest.mark.parametrize("seeds", [2, 3])
def test_with_seeds_the_interval_holds_the_truth_of_all_seeds(seeds):
    generator = np.random.default_rng(seeds)
    held = single = 0
    for _ in range(120):
        first, second = (seeded(generator, seeds, spread=0.06) for _ in range(2))
        # The rows' difficulty is drawn anew for each of the two, which is what differs here.
        low, high = differ(first, second).interval
        held += low <= 0 <= high
        low, high = differ(first[:1], second[:1]).interval
        single += low <= 0 <= high
    assert held / 120 >= 0.91
    assert single / 120 < 0.85


def test_two_seeds_far_apart_settle_nothing():
    rows = np.zeros(ROWS)
    rows[: ROWS // 2] = 1
    better, worse = np.ones(ROWS), np.zeros(ROWS)
    apart = differ([mean_of(better), mean_of(rows)], [mean_of(rows), mean_of(worse)])
    assert apart.value == pytest.approx(0.5)
    assert apart.p_value > 0.05


def test_the_interval_of_one_run_is_that_of_its_rows_and_within_what_is_possible():
    values = np.ones(30)
    values[0] = 0
    found = resampled([mean_of(values)], np.arange(30), entry=0)
    low, high = found.interval
    assert low < found.value < high <= 1


def test_a_single_row_says_nothing():
    found = differ([mean_of(np.ones(1))], [mean_of(np.zeros(1))])
    assert (found.value, found.p_value) == (1.0, 1.0)
    assert found.interval == (-np.inf, np.inf)
    assert resampled([mean_of(np.ones(1))], np.arange(1), entry=0).interval == (0.0, 1.0)


def test_few_rows_that_all_differ_are_no_surer_than_so_many_coins():
    assert differ([mean_of(np.ones(5))], [mean_of(np.zeros(5))]).p_value == 2 / 2**5


def test_runs_that_are_the_same_do_not_differ():
    values = np.random.default_rng(0).random(ROWS)
    found = differ([mean_of(values)], [mean_of(values)])
    assert (found.value, found.p_value, found.interval) == (0.0, 1.0, (0.0, 0.0))
