"""The plan: every epoch reads every row once, and what is read when depends on nothing else."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from loratory.batching.plan import epoch_order, split_by_tokens, step_rows, steps_per_epoch

SEEDS = st.integers(0, 2**32 - 1)


@given(rows=st.integers(0, 200), seed=SEEDS, epoch=st.integers(0, 9))
def test_an_epoch_is_a_permutation_of_the_rows(rows, seed, epoch):
    assert sorted(epoch_order(rows, seed=seed, epoch=epoch)) == list(range(rows))


def test_orders_differ_between_epochs_and_between_seeds():
    orders = {epoch_order(100, seed=seed, epoch=epoch) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_another_process_reads_the_rows_in_the_same_order():
    code = "from loratory.batching.plan import epoch_order; print(epoch_order(50, seed=3, epoch=2))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(epoch_order(50, seed=3, epoch=2))


@given(rows=st.integers(1, 60), batch_size=st.integers(1, 70), seed=SEEDS)
def test_the_steps_of_each_epoch_cover_every_row_once(rows, batch_size, seed):
    steps = steps_per_epoch(rows, batch_size)
    for epoch in range(3):
        numbers = [
            step_rows(epoch * steps + step, rows, batch_size=batch_size, seed=seed)
            for step in range(steps)
        ]
        assert sorted(sum(numbers, ())) == list(range(rows))
        assert all(len(step) == batch_size for step in numbers[:-1])
        assert 0 < len(numbers[-1]) <= batch_size


def test_a_step_is_known_without_the_steps_before_it():
    later = step_rows(7, 10, batch_size=4, seed=0)
    epoch_order.cache_clear()
    assert step_rows(7, 10, batch_size=4, seed=0) == later
    assert later == epoch_order(10, seed=0, epoch=2)[4:8]


LENGTHS = st.lists(st.integers(1, 40), max_size=40)


@given(lengths=LENGTHS, most=st.integers(1, 60))
def test_parts_cover_all_rows_in_order(lengths, most):
    numbers = [n for part in split_by_tokens(lengths, most) for n in range(len(lengths))[part]]
    assert numbers == list(range(len(lengths)))


@given(lengths=LENGTHS, most=st.integers(1, 60))
def test_only_a_single_row_may_be_above_the_budget(lengths, most):
    for part in split_by_tokens(lengths, most):
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
