"""The plan: every epoch reads every row once, and what is read when depends on nothing else."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from loratory.batching.plan import (
    epoch_order,
    groups_of,
    micro_batches,
    split_by_tokens,
    step_rows,
    steps_per_epoch,
)
from loratory.batching.rows import EncodedRow

SEEDS = st.integers(0, 2**32 - 1)


def alone(rows, *, seed=0, epoch=0):
    """Return an order of rows that each are a group of their own."""
    return epoch_order(tuple(range(rows)), most=4, seed=seed, epoch=epoch)


@given(rows=st.integers(0, 200), seed=SEEDS, epoch=st.integers(0, 9))
def test_an_epoch_is_a_permutation_of_the_rows(rows, seed, epoch):
    assert sorted(alone(rows, seed=seed, epoch=epoch)) == list(range(rows))


def test_orders_differ_between_epochs_and_between_seeds():
    orders = {alone(100, seed=seed, epoch=epoch) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_another_process_reads_the_rows_in_the_same_order():
    code = (
        "from loratory.batching.plan import epoch_order; "
        "print(epoch_order(tuple(range(50)), most=4, seed=3, epoch=2))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(alone(50, seed=3, epoch=2))


@given(rows=st.integers(1, 60), batch_size=st.integers(1, 70), seed=SEEDS)
def test_the_steps_of_each_epoch_cover_every_row_once(rows, batch_size, seed):
    steps = steps_per_epoch(rows, batch_size)
    for epoch in range(3):
        numbers = [
            step_rows(epoch * steps + step, tuple(range(rows)), batch_size=batch_size, seed=seed)
            for step in range(steps)
        ]
        assert sorted(sum(numbers, ())) == list(range(rows))
        assert all(len(step) == batch_size for step in numbers[:-1])
        assert 0 < len(numbers[-1]) <= batch_size


def test_a_step_is_known_without_the_steps_before_it():
    later = step_rows(7, tuple(range(10)), batch_size=4, seed=0)
    epoch_order.cache_clear()
    assert step_rows(7, tuple(range(10)), batch_size=4, seed=0) == later
    assert later == alone(10, epoch=2)[4:8]


LENGTHS = st.lists(st.integers(1, 40), max_size=40)


@given(lengths=LENGTHS, most=st.integers(1, 60), multiple=st.integers(1, 5))
def test_parts_cover_all_rows_in_order(lengths, most, multiple):
    parts = split_by_tokens(lengths, most, multiple=multiple)
    assert [n for part in parts for n in range(len(lengths))[part]] == list(range(len(lengths)))


@given(lengths=LENGTHS, most=st.integers(1, 60), multiple=st.integers(1, 5))
def test_only_a_single_row_may_be_above_the_budget(lengths, most, multiple):
    for part in split_by_tokens(lengths, most, multiple=multiple):
        assert sum(lengths[part]) <= most or len(lengths[part]) == 1


@given(lengths=LENGTHS, most=st.integers(1, 60))
def test_parts_are_hardly_more_than_when_each_is_filled_to_the_brim(lengths, most):
    filled, tokens = 0, most
    for length in lengths:
        tokens += length
        if tokens > most:
            filled, tokens = filled + 1, length
    assert filled <= len(list(split_by_tokens(lengths, most))) <= filled + 1


def test_parts_are_about_equally_long_and_leave_no_short_remainder():
    parts = list(split_by_tokens([10] * 26, 100))
    assert [part.stop - part.start for part in parts] == [9, 9, 8]


def test_so_many_processors_have_equally_many_parts():
    parts = list(split_by_tokens([10] * 26, 100, multiple=4))
    assert [part.stop - part.start for part in parts] == [7, 6, 7, 6]
    assert len(list(split_by_tokens([10] * 100, 100, multiple=4))) == 12


GROUPS = st.lists(st.integers(0, 6), max_size=40).map(tuple)


@given(groups=GROUPS, most=st.integers(1, 9), seed=SEEDS)
def test_a_group_stays_together_and_a_large_one_in_runs(groups, most, seed):
    order = epoch_order(groups, most=most, seed=seed, epoch=0)
    assert sorted(order) == list(range(len(groups)))
    runs = [[]]
    for row in order:
        if runs[-1] and groups[runs[-1][-1]] != groups[row]:
            runs.append([])
        runs[-1].append(row)
    for group in set(groups):
        size = groups.count(group)
        assert sum(groups[run[0]] == group for run in runs if run) <= -(-size // most)


def test_one_group_of_all_rows_is_shuffled_like_rows_alone():
    first = [epoch_order((0,) * 1000, most=10, seed=seed, epoch=0)[:10] for seed in range(20)]
    assert len(set(first)) == 20
    assert 300 < sum(sum(run) / 10 for run in first) / 20 < 700


def rows_of(*texts):
    return [EncodedRow(text, (0,), (0,)) for text in texts]


def test_rows_of_one_first_segment_are_a_group_and_rows_of_one_segment_are_none():
    rows = rows_of(((1, 2), (3,)), ((1, 2, 3),), ((1, 2), (4, 5)), ((1, 2, 3),))
    assert groups_of(rows, together=True) == (0, 1, 0, 2)
    assert groups_of(rows, together=False) == (0, 1, 2, 3)


TEXTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=30), max_size=25)


@given(texts=TEXTS, most=st.integers(1, 80))
def test_parts_with_shared_beginnings_hold_at_most_so_many_tokens_to_compute(texts, most):
    rows = rows_of(*[(tuple(text),) for text in texts])
    parts = micro_batches(rows, most, shared=True)
    assert sorted(number for part in parts for number in part) == list(range(len(rows)))
    for part in parts:
        # All beginnings there are: what is computed if every one is shared.
        least = {tuple(texts[n][:end]) for n in part for end in range(1, len(texts[n]) + 1)}
        # Rows that share most of their tokens may be more, but not without end.
        assert len({tuple(texts[n]) for n in part}) == 1 or len(least) <= 4 * most


@given(texts=TEXTS, most=st.integers(1, 80))
def test_parts_without_are_those_by_tokens(texts, most):
    rows = rows_of(*[(tuple(text),) for text in texts])
    parts = micro_batches(rows, most, shared=False)
    cuts = split_by_tokens([len(text) for text in texts], most)
    assert parts == [list(range(len(texts)))[cut] for cut in cuts]


def test_rows_that_share_most_of_their_tokens_stay_together():
    paragraph = tuple(range(200))
    rows = rows_of(*[((*paragraph, 300 + n, 400 + n),) for n in range(8)])
    assert micro_batches(rows, 150, shared=True) == [list(range(8))]
    # Rows that share little are cut as ever.
    rows = rows_of(*[((*paragraph[:20], *range(300 + 90 * n, 380 + 90 * n)),) for n in range(4)])
    assert len(micro_batches(rows, 150, shared=True)) >= 3
