"""A linear layer that was given a bias: it starts as the layer, and the bias is all that trains."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from loratory.methods.bias_layer import BiasedLinear
from loratory.methods.trained import trained_parameters


@pytest.fixture
def layer():
    torch.manual_seed(0)
    base = nn.Linear(5, 3, bias=False).double().requires_grad_(requires_grad=False)
    layer = BiasedLinear(base)
    layer.bias.data = torch.randn(3, dtype=torch.float64)
    return layer


def test_it_starts_as_the_layer():
    base, x = nn.Linear(5, 3, bias=False).requires_grad_(requires_grad=False), torch.randn(4, 5)
    torch.testing.assert_close(BiasedLinear(base)(x), base(x), rtol=0, atol=1e-6)


def test_the_bias_alone_trains(layer):
    assert trained_parameters(layer).keys() == {"bias"}


def test_values_and_gradients_are_those_of_a_linear_layer(layer):
    x = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    found, expected = layer(x), F.linear(x, layer.base.weight, layer.bias)
    torch.testing.assert_close(found, expected)
    towards = torch.randn(2, 4, 3, dtype=torch.float64)
    ours = torch.autograd.grad(found, [x, layer.bias], towards)
    theirs = torch.autograd.grad(expected, [x, layer.bias], towards)
    torch.testing.assert_close(ours, theirs)


def test_merged_it_is_a_plain_layer_of_new_tensors(layer):
    plain, x = layer.merged(), torch.randn(4, 5, dtype=torch.float64)
    assert type(plain) is nn.Linear
    assert (plain.in_features, plain.out_features) == (5, 3)
    assert torch.equal(plain.weight, layer.base.weight)
    torch.testing.assert_close(plain(x), layer(x))
    assert not trained_parameters(plain)
    plain.weight.zero_()
    plain.bias.zero_()
    assert layer.base.weight.any()
    assert layer.bias.any()


def test_over_a_bfloat16_weight_the_bias_is_float32_and_the_output_bfloat16():
    base = nn.Linear(5, 3, bias=False).to(torch.bfloat16).requires_grad_(requires_grad=False)
    layer = BiasedLinear(base)
    x = torch.randn(4, 5, dtype=torch.bfloat16)
    assert layer.bias.dtype == torch.float32
    assert layer(x).dtype == torch.bfloat16
    layer(x).sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((3,), 4.0))
