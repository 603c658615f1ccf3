"""Layers that round: torchao's values, straight gradients, and never a weight of yesterday."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchao.quantization.qat import IntxFakeQuantizeConfig
from torchao.quantization.qat.linear import FakeQuantizedLinear

from loratory.models.rounding import RoundedLinear
from loratory.models.whole_numbers import rounded_inputs, rounded_weight
from loratory.recipe.quantization import Int4Quantization, Int8Quantization

INPUTS = IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False)
CASES = [
    (Int8Quantization(), IntxFakeQuantizeConfig(torch.int8, "per_channel"), INPUTS),
    (Int8Quantization(activations="none"), IntxFakeQuantizeConfig(torch.int8, "per_channel"), None),
    (Int4Quantization(group_size=8), IntxFakeQuantizeConfig(torch.int4, group_size=8), None),
    (
        Int4Quantization(group_size=4, activations="int8"),
        IntxFakeQuantizeConfig(torch.int4, group_size=4),
        INPUTS,
    ),
]


def layer_and_inputs(*, trains=True):
    torch.manual_seed(2)
    layer = nn.Linear(16, 5).requires_grad_(requires_grad=trains)
    return layer, torch.randn(2, 7, 16)


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize(("section", "weights", "inputs"), CASES)
def test_it_computes_what_torchaos_fake_quantised_layer_does(section, weights, inputs, trains):
    layer, x = layer_and_inputs(trains=trains)
    theirs = FakeQuantizedLinear.from_linear(layer, inputs, weights)
    torch.testing.assert_close(RoundedLinear(layer, section)(x), theirs(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("section", "weights", "inputs"), CASES)
def test_gradients_are_those_of_the_layer_at_its_rounded_numbers(section, weights, inputs):
    del weights
    layer, x = layer_and_inputs()
    rounded_x = x if inputs is None else rounded_inputs(x.view(-1, 16)).view(x.shape)
    rounded = rounded_weight(layer.weight.detach(), section).requires_grad_()
    at, towards = rounded_x.clone().requires_grad_(), torch.randn(2, 7, 5)
    expected = torch.autograd.grad(F.linear(at, rounded, layer.bias), [at, rounded], towards)
    x.requires_grad_()
    y = RoundedLinear(layer, section)(x)
    found = torch.autograd.grad(y, [x, layer.weight, layer.bias], towards)
    torch.testing.assert_close(found[:2], expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[2], towards.sum((0, 1)), rtol=1e-5, atol=1e-6)


def test_a_bias_alone_may_train():
    layer, x = layer_and_inputs(trains=False)
    layer.bias.requires_grad_()
    RoundedLinear(layer, Int8Quantization())(x).sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((5,), 14.0))


@pytest.mark.parametrize("how", ["fused", "plain", "data"])
def test_a_weight_that_has_changed_is_rounded_anew(how):
    layer, x = layer_and_inputs()
    rounded = RoundedLinear(layer, Int8Quantization())
    before = rounded(x)
    if how == "data":
        layer.weight.data.mul_(2)
    else:
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=how == "fused")
        before.sum().backward()
        optimizer.step()
    fresh = RoundedLinear(layer, Int8Quantization())(x)
    assert not torch.allclose(before, fresh)
    torch.testing.assert_close(rounded(x), fresh, rtol=0, atol=0)


def test_what_inference_kept_serves_training():
    layer, x = layer_and_inputs(trains=False)
    rounded = RoundedLinear(layer, Int8Quantization())
    with torch.inference_mode():
        rounded(x)
    x.requires_grad_()
    rounded(x).sum().backward()
    assert x.grad.abs().sum() > 0


def test_a_copy_rounds_its_own_weight():
    layer, x = layer_and_inputs(trains=False)
    rounded = RoundedLinear(layer, Int8Quantization())
    rounded(x)
    other = copy.deepcopy(rounded)
    other.weight.data.zero_()
    torch.testing.assert_close(other(x), layer.bias.expand(2, 7, 5))


def test_the_plain_layer_has_the_same_weight_and_does_not_round():
    layer, x = layer_and_inputs()
    plain = RoundedLinear(layer, Int4Quantization(group_size=8)).plain()
    assert plain.weight is layer.weight
    torch.testing.assert_close(plain(x), layer(x), rtol=0, atol=0)
