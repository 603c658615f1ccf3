"""The first batch tried: as many tokens as fit, and a clear word where nothing does."""

import pytest
import torch

from loratory.batching.rows import EncodedRow
from loratory.errors import ResourceError
from loratory.methods.trained import trained_parameters
from loratory.train.longest import fitting_tokens, memory_errors


@pytest.fixture
def limited(make_trainee, monkeypatch):
    """Return a trainee whose machine has memory for so many tokens, and what was tried."""

    def made(tokens, error=torch.OutOfMemoryError):
        trainee, tried = make_trainee(), []
        forward = trainee.network.forward

        def limited_forward(batch):
            tried.append(len(batch))
            if len(batch) > tokens:
                raise error("DefaultCPUAllocator: can't allocate memory")
            return forward(batch)

        monkeypatch.setattr(trainee.network, "forward", limited_forward)
        return trainee, tried

    return made


def fitting(trainee, most, batch_size=1000):
    return fitting_tokens(
        trainee.network, trainee.task, trainee.rows, batch_size=batch_size, most=most
    )


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_half_as_many_are_tried_until_they_fit(limited, error):
    trainee, tried = limited(60, error)
    assert fitting(trainee, 240) == 60
    assert [tokens > 60 for tokens in tried] == [True, True, False]


@pytest.mark.parametrize(
    ("lengths", "rows_of_a_step", "tried_at_100"),
    [
        ([10, 50, 51, 50], 4, 100),
        ([60, 60, 50, 50], 2, 100),
        ([30, 30, 30, 30], 2, 60),
        ([50, 40, 5, 5], 4, 100),
    ],
)
def test_where_all_fits_the_fullest_batch_of_a_step_was_tried(
    limited, lengths, rows_of_a_step, tried_at_100
):
    trainee, tried = limited(10_000)
    (start, *_), target = trainee.rows[0].segments[0], trainee.rows[0].targets
    rows = [EncodedRow(((start,) * length,), (length - 1,), target) for length in lengths]
    trainee = trainee._replace(rows=rows)
    assert fitting(trainee, 100, batch_size=rows_of_a_step) == 100
    assert tried == [tried_at_100]


def test_what_the_optimiser_will_keep_is_held_meanwhile(make_trainee, monkeypatch):
    trainee, held = make_trainee(), []
    forward = trainee.network.forward

    def watched_forward(batch):
        grads = [parameter.grad for parameter in trained_parameters(trainee.network).values()]
        held.extend(grad.numel() for grad in grads)
        held.extend(size for size in made)
        return forward(batch)

    made, empty_like = [], torch.empty_like

    def noted(tensor):
        made.append(tensor.numel())
        return empty_like(tensor)

    monkeypatch.setattr(torch, "empty_like", noted)
    monkeypatch.setattr(trainee.network, "forward", watched_forward)
    fitting(trainee, 64)
    trained = sum(weight.numel() for weight in trainee.weights.values())
    assert sum(held) == 3 * trained, "two moments and a gradient"


def test_no_more_rows_are_tried_than_a_step_has(limited):
    trainee, tried = limited(10_000)
    assert fitting(trainee, 10_000, batch_size=3) == 10_000
    assert tried == [sum(sorted(map(len, trainee.rows))[-3:])]


def test_a_row_longer_than_that_is_tried_alone(limited):
    trainee, tried = limited(10_000)
    assert fitting(trainee, 1) == 1
    assert tried == [max(map(len, trainee.rows))]


def test_where_not_even_the_longest_row_fits_it_says_so(limited):
    trainee, _ = limited(3)
    with pytest.raises(ResourceError, match="longest row alone") as caught:
        fitting(trainee, 64)
    assert (caught.value.code, caught.value.exit_code) == ("RES-MEM", 5)
    assert caught.value.got == f"{max(map(len, trainee.rows))} tokens"


def test_another_error_is_not_taken_for_it(limited):
    class OtherError(RuntimeError):
        def __str__(self):
            return "shapes do not match"

    trainee, _ = limited(3, OtherError)
    with pytest.raises(OtherError):
        fitting(trainee, 64)


def test_nothing_is_left_behind(make_trainee):
    trainee = make_trainee()
    before = trainee.weights
    fitting(trainee, 64)
    assert all(torch.equal(trainee.weights[name], before[name]) for name in before)
    assert all(parameter.grad is None for parameter in trainee.network.parameters())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_memory_that_runs_out_later_is_told_with_advice(error):
    with (
        pytest.raises(ResourceError, match=r"RES-MEM.*out of memory \(") as caught,
        memory_errors(),
    ):
        raise error
    assert "--resume" in caught.value.fix
    with pytest.raises(RuntimeError, match="shapes"), memory_errors():
        raise RuntimeError("shapes do not match")
