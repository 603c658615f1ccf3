"""Parts side by side: the results of one after the other, and the threads as they were."""

import threading

import pytest
import torch

from loratory.inference.side_by_side import side_by_side


def squared(number):
    return number * number


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("parts", [0, 1, 7])
def test_results_come_in_the_order_of_the_parts(threads, parts):
    found = side_by_side(squared, range(parts), threads=threads)
    assert list(found) == [number * number for number in range(parts)]


def test_parts_are_computed_at_the_same_time_with_one_thread_each():
    met = threading.Barrier(2, timeout=10)

    def work(_):
        met.wait()
        return torch.get_num_threads()

    assert list(side_by_side(work, range(2), threads=2)) == [1, 1]


def test_the_threads_are_as_they_were_afterwards_also_after_an_error():
    torch.set_num_threads(3)

    def fail(number):
        raise ValueError(number)

    list(side_by_side(squared, range(4), threads=2))
    assert torch.get_num_threads() == 3
    with pytest.raises(ValueError, match="0"):
        list(side_by_side(fail, range(4), threads=2))
    assert torch.get_num_threads() == 3
