"""LoRA's layer as one function: the plain formula's values and gradients, and nothing kept of W."""

import pytest
import torch
from torch.nn import functional as F

from loratory.methods.lora_product import LoraProduct

SCALING = 1.75


@pytest.fixture(params=[True, False], ids=["bias", "no bias"])
def operands(request):
    """Return x, W, bias, A and B: 5 tokens, 6 to 7 wide, rank 3, in float64."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"x": (5, 6), "weight": (7, 6), "bias": (7,), "a": (3, 6), "b": (7, 3)}
    made = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }
    for name in ("x", "a", "b"):
        made[name].requires_grad_()
    return made | ({} if request.param else {"bias": None})


def fused(operands, dropout=0.0):
    torch.manual_seed(7)
    x, weight, bias, a, b = (operands[name] for name in ("x", "weight", "bias", "a", "b"))
    return LoraProduct.apply(x, weight, bias, a, b, SCALING, dropout)


def plain(operands, dropout=0.0):
    """Return the equation in torch's own operations, with the mask that `fused` draws."""
    torch.manual_seed(7)
    x, a, b = (operands[name] for name in ("x", "a", "b"))
    kept = torch.rand(x.shape) >= dropout
    merged = F.linear(x, operands["weight"], operands["bias"])
    return merged + SCALING * (x * kept / (1 - dropout)) @ a.T @ b.T


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_values_and_gradients_are_the_plain_formulas(operands, dropout):
    inputs = [operands[name] for name in ("x", "a", "b")]
    found, expected = fused(operands, dropout), plain(operands, dropout)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)
    towards = torch.randn(found.shape, dtype=torch.float64)
    ours = torch.autograd.grad(found, inputs, towards)
    theirs = torch.autograd.grad(expected, inputs, towards)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_the_gradients_are_those_of_finite_differences(operands, dropout):
    inputs = tuple(operands[name] for name in ("x", "a", "b"))

    def at(x, a, b):
        return fused(operands | {"x": x, "a": a, "b": b}, dropout)

    assert torch.autograd.gradcheck(at, inputs)


def test_a_gradient_that_is_not_laid_out_in_rows_is_the_same(operands):
    inputs = [operands[name] for name in ("x", "a", "b")]
    towards = torch.randn(7, 5, dtype=torch.float64).T
    ours = torch.autograd.grad(fused(operands), inputs, towards)
    theirs = torch.autograd.grad(plain(operands), inputs, towards)
    torch.testing.assert_close(ours, theirs)


def test_the_frozen_weight_gets_no_gradient_even_if_it_asks(operands):
    operands["weight"].requires_grad_()
    fused(operands).sum().backward()
    assert operands["weight"].grad is None


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_bias_has_a_gradient_only_if_it_trains(operands, dropout):
    bias = operands["bias"]
    if bias is None:
        pytest.skip("no bias")
    found = fused(operands, dropout)
    towards = torch.randn(found.shape, dtype=torch.float64)
    found.backward(towards)
    assert bias.grad is None
    bias.requires_grad_()
    fused(operands, dropout).backward(towards)
    (expected,) = torch.autograd.grad(plain(operands, dropout), [bias], towards)
    torch.testing.assert_close(bias.grad, expected, rtol=1e-12, atol=1e-12)


def test_an_input_without_gradient_gets_none(operands):
    operands["x"] = operands["x"].detach()
    fused(operands).sum().backward()
    assert operands["x"].grad is None
    assert operands["a"].grad is not None


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_no_matrix_the_size_of_the_weight_is_kept_but_the_weight(operands, dropout):
    kept = [
        tensor for tensor in fused(operands, dropout).grad_fn.saved_tensors if tensor is not None
    ]
    known = {tensor.data_ptr() for tensor in operands.values() if tensor is not None}
    extra = [tensor for tensor in kept if tensor.data_ptr() not in known]
    # d(x) A^T, and with dropout one byte for each entry of x.
    sizes = [(tuple(tensor.shape), tensor.element_size()) for tensor in extra]
    assert sizes == [((5, 3), 8), *([((5, 6), 1)] if dropout else [])]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_bfloat16_is_close_to_float64(operands, dropout):
    exact = plain(operands, dropout)
    low = {
        name: None if tensor is None else tensor.detach().to(torch.bfloat16)
        for name, tensor in operands.items()
    }
    # The factors stay in float32, as they train.
    low |= {name: operands[name].detach().float().requires_grad_() for name in ("a", "b")}
    found = fused(low | {"x": low["x"].requires_grad_()}, dropout)
    assert found.dtype == torch.bfloat16
    # Eight bits of mantissa; sums of six products of several units.
    torch.testing.assert_close(found.double(), exact, rtol=0.05, atol=0.15)
    found.sum().backward()
    exact.sum().backward()
    for name in ("a", "b"):
        assert low[name].grad.dtype == torch.float32
        error = (low[name].grad - operands[name].grad).norm()
        assert error < 0.03 * operands[name].grad.norm()


def test_dropout_drops_the_share_asked_for_and_keeps_the_mean():
    torch.manual_seed(0)
    x, zero = torch.ones(2000, 10), torch.zeros(1, 10)
    one = torch.ones(1, 1)
    sums = LoraProduct.apply(x, zero, None, torch.ones(1, 10), one, 1.0, 0.3)
    # Each sum is of ten entries, dropped or divided by 0.7.
    kept = (sums * 0.7).round()
    torch.testing.assert_close(sums * 0.7, kept)
    assert abs(float(kept.mean()) - 7) < 0.1
