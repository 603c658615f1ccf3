"""The product behind frozen layers: whatever kernel computes it, it is F.linear's result."""

import pytest
import torch
from torch.nn import functional as F

from loratory.models.product import frozen_linear, product

# torch's own tolerances for two ways to add up the same numbers (torch.testing.assert_close).
DTYPES = [torch.float64, torch.float32, torch.bfloat16]
SHAPES = [(1, 1, 1), (1, 16, 8), (7, 16, 48), (33, 48, 16), (5, 3, 1), (64, 31, 17)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("tokens", "inner", "outer"), SHAPES)
@pytest.mark.parametrize("layout", ["plain", "transposed view"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_it_is_the_linear_layers_product(dtype, tokens, inner, outer, layout, with_bias):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(tokens, inner, generator=generator).to(dtype)
    shape = (outer, inner) if layout == "plain" else (inner, outer)
    weight = torch.randn(shape, generator=generator).to(dtype)
    weight = weight if layout == "plain" else weight.T
    bias = torch.randn(outer, generator=generator).to(dtype) if with_bias else None
    torch.testing.assert_close(product(x, weight, bias), F.linear(x, weight, bias))


def test_a_token_is_computed_alike_in_a_strided_input():
    x, weight = torch.randn(12, 16)[::2], torch.randn(8, 16)
    torch.testing.assert_close(product(x, weight), F.linear(x, weight))


def test_the_operands_stay_as_they_were():
    operands = torch.randn(5, 4), torch.randn(3, 4), torch.randn(3)
    before = [operand.clone() for operand in operands]
    product(*operands)
    assert all(map(torch.equal, operands, before))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("tokens", "inner", "outer"), SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_frozen_layer_passes_the_gradient_on_and_takes_none(
    dtype, tokens, inner, outer, with_bias
):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(tokens, inner, generator=generator).to(dtype).requires_grad_()
    weight = torch.randn(outer, inner, generator=generator).to(dtype).requires_grad_()
    bias = torch.randn(outer, generator=generator).to(dtype) if with_bias else None
    upstream = torch.randn(tokens, outer, generator=generator).to(dtype)
    found = frozen_linear(x, weight, bias)
    found.backward(upstream)
    torch.testing.assert_close(found, F.linear(x, weight, bias))
    torch.testing.assert_close(x.grad, upstream @ weight)
    assert weight.grad is None
