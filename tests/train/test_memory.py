"""The most memory that a run has held: its own, and a GPU's where it is on one."""

import pytest
import torch

from loratory.train.memory import forget_peaks, peaks


def test_without_a_gpu_there_is_only_that_of_the_process():
    forget_peaks()
    found = peaks(torch.device("cpu"))
    assert found["peak_memory_mb"] > 50
    assert found["peak_gpu_memory_mb"] is None


def test_of_a_gpu_it_is_what_pytorch_counts(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 5_000_000)
    assert peaks(torch.device("cuda"))["peak_gpu_memory_mb"] == 5


@pytest.mark.parametrize("used", [True, False])
def test_a_gpu_forgets_only_where_it_is_used(monkeypatch, used):
    forgotten = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: used)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: forgotten.append(1))
    forget_peaks()
    assert bool(forgotten) == used
