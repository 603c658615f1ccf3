"""A table in the user's cache: computed once, found again, and again whole after damage."""

import multiprocessing
import time

import pytest
import torch

from loratory.data.cache import cache_folder
from loratory.errors import ResourceError
from loratory.inference.kept_file import kept_file

SHAPE = (3, 4)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path))


@pytest.fixture
def numbers():
    """Return a function that fills a table with 0…11, and keeps the count of its calls."""

    def numbers(table):
        numbers.calls += 1
        table.copy_(expected(table.dtype))

    numbers.calls = 0
    return numbers


def expected(dtype=torch.float32):
    return torch.arange(12, dtype=dtype).view(SHAPE)


def nothing(_):
    pytest.fail("it is there already")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_it_is_computed_once(numbers, dtype):
    assert torch.equal(kept_file("a", SHAPE, dtype, numbers), expected(dtype))
    assert torch.equal(kept_file("a", SHAPE, dtype, nothing), expected(dtype))
    assert numbers.calls == 1


def test_another_digest_is_another_table(numbers):
    kept_file("a", SHAPE, torch.float32, lambda table: table.zero_())
    assert torch.equal(kept_file("b", SHAPE, torch.float32, numbers), expected())


def test_what_a_reader_changes_stays_its_own(numbers):
    kept_file("a", SHAPE, torch.float32, numbers).zero_()
    assert torch.equal(kept_file("a", SHAPE, torch.float32, nothing), expected())


def test_one_that_was_never_finished_is_computed_again(numbers):
    def interrupted(table):
        table.zero_()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_file("a", SHAPE, torch.float32, interrupted)
    assert torch.equal(kept_file("a", SHAPE, torch.float32, numbers), expected())


def test_a_damaged_one_is_computed_again(numbers):
    kept_file("a", SHAPE, torch.float32, numbers)
    (path,) = cache_folder().rglob("numbers")
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert torch.equal(kept_file("a", SHAPE, torch.float32, numbers), expected())
    assert numbers.calls == 2


def test_one_that_no_disk_has_room_for_is_refused_before_it_is_begun():
    with pytest.raises(ResourceError) as refused:
        kept_file("a", (10**7, 10**7), torch.float32, nothing)
    assert refused.value.code == "RES-DISK"


def _slowly(began):
    def fill(table):
        began.set()
        time.sleep(0.5)
        table.copy_(expected())

    kept_file("a", SHAPE, torch.float32, fill)


def test_of_two_processes_the_second_waits_for_the_first():
    context = multiprocessing.get_context("fork")
    began = context.Event()
    first = context.Process(target=_slowly, args=(began,))
    first.start()
    assert began.wait(30)
    assert torch.equal(kept_file("a", SHAPE, torch.float32, nothing), expected())
    first.join()
