"""Where and how to compute: as the recipe says, and where it does not, as the machine can."""

import os
from pathlib import Path

import pytest
import torch

from loratory.errors import ConfigError
from loratory.models.int8 import multiplies_exactly
from loratory.recipe.schema import TrainingSection
from loratory.train import compute
from loratory.train.compute import choose_compute

WIDTH = 576


def chosen(*, width=WIDTH, **settings):
    return choose_compute(TrainingSection(**settings), width)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_the_recipe_says_is_done(precision):
    found = chosen(precision=precision, device="cpu", threads=1, micro_batch_tokens=77)
    assert (found.device.type, found.precision) == ("cpu", precision)
    assert (found.threads, found.micro_batch_tokens) == (1, 77)
    assert found.dtype == getattr(torch, precision)


def test_threads_are_those_asked_for():
    chosen(threads=2, device="cpu", precision="float32")
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away here")
def test_without_a_number_threads_are_the_cores_that_may_be_used():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert chosen(device="cpu", precision="float32").threads == 1
    finally:
        os.sched_setaffinity(0, before)
    assert chosen(device="cpu", precision="float32").threads == len(before)


def test_tokens_at_once_are_chosen_where_the_recipe_does_not_say():
    half, full = (chosen(device="cpu", precision=p) for p in ("bfloat16", "float32"))
    assert 64 <= full.micro_batch_tokens <= 4096
    assert half.micro_batch_tokens >= full.micro_batch_tokens


@pytest.mark.skipif(not multiplies_exactly(), reason="the processor has no such product")
def test_around_products_in_int8_all_is_float32():
    found = chosen(precision="int8", device="cpu", threads=1)
    assert (found.precision, found.dtype) == ("int8", torch.float32)
    assert found.micro_batch_tokens >= chosen(precision="float32", device="cpu").micro_batch_tokens


def test_int8_is_refused_where_its_products_would_be_wrong(monkeypatch):
    monkeypatch.setattr(compute, "multiplies_exactly", lambda: False)
    with pytest.raises(ConfigError, match=r"CFG-PRECISION.*at training.precision") as caught:
        chosen(precision="int8", device="cpu")
    assert caught.value.fix == "set training.precision=auto"


def test_int8_is_refused_on_a_gpu(monkeypatch):
    monkeypatch.setattr(compute, "_device", lambda _: torch.device("cuda"))
    with pytest.raises(ConfigError, match=r"CFG-PRECISION.*at training.precision") as caught:
        chosen(precision="int8")
    assert caught.value.fix == "set training.device=cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"CFG-DEVICE.*at training.device") as caught:
        chosen(device="cuda")
    assert caught.value.exit_code == 2


def test_a_narrow_network_is_computed_in_float32():
    assert chosen(width=64, device="cpu").precision == "float32"


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="the processor does not say")
def test_a_processor_without_instructions_for_bfloat16_computes_in_float32():
    if {"amx_bf16", "avx512_bf16"} & set(Path("/proc/cpuinfo").read_text().split()):
        pytest.skip("this one has them")
    assert chosen(device="cpu", threads=1).precision == "float32"
