"""LoRA's layer where its whole weight is rounded: the values and gradients of the plain formula."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from loratory.methods.lora_layer import LoraLinear
from loratory.models.rounding import RoundedLinear
from loratory.models.whole_numbers import rounded_inputs, rounded_weight
from loratory.recipe.quantization import Int4Quantization, Int8Quantization

SECTIONS = [
    Int8Quantization(),
    Int4Quantization(group_size=4),
    Int4Quantization(group_size=8, activations="int8"),
]


def made(*, variant, bias):
    """Return a layer of rank 3, its weight as a function of what trains, and inputs."""
    torch.manual_seed(5)
    base = nn.Linear(16, 9, bias=bias).requires_grad_(requires_grad=False)
    layer = LoraLinear(base, r=3, scaling=1.75, lora_dropout=0.0)
    if variant == "start":
        layer.start_from(torch.randn(3, 16), torch.randn(9, 3))
    if variant == "magnitude":
        layer.add_magnitude()
    for parameter in layer.parameters(recurse=False):
        parameter.data.copy_(torch.randn(parameter.shape))

    def whole(lora_a, lora_b, magnitude=None):
        update = lora_b @ lora_a
        if layer.start_a is not None:
            update = update - layer.start_b @ layer.start_a
        weight = base.weight + 1.75 * update
        if magnitude is None:
            return weight
        return magnitude[:, None] * weight / weight.detach().norm(dim=1, keepdim=True)

    return layer, whole, torch.randn(7, 16)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("variant", ["plain", "start", "magnitude"])
@pytest.mark.parametrize("section", SECTIONS)
def test_values_and_gradients_are_those_of_the_rounded_whole(section, variant, bias):
    layer, whole, x = made(variant=variant, bias=bias)
    merged = layer.merged().weight.detach()
    layer.round(section)
    trained = [*layer.parameters(recurse=False)]
    x.requires_grad_()
    weight = whole(*trained)
    # Straight through: the value is that of the rounded, the gradient that of the unrounded.
    rounded = weight + (rounded_weight(merged, section) - weight).detach()
    read = x
    if section.activations == "int8":
        read = x + (rounded_inputs(x.detach()) - x).detach()
    expected, found = F.linear(read, rounded, layer.base.bias), layer(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    towards = torch.randn(found.shape)
    ours = torch.autograd.grad(found, [x, *trained], towards)
    theirs = torch.autograd.grad(expected, [x, *trained], towards)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", ["plain", "start", "magnitude"])
def test_merged_it_is_a_layer_that_rounds_the_same(variant):
    layer, _, x = made(variant=variant, bias=True)
    layer.round(Int8Quantization())
    merged = layer.merged()
    assert isinstance(merged, RoundedLinear)
    torch.testing.assert_close(merged(x), layer(x), rtol=1e-5, atol=1e-5)


def test_a_bias_that_trains_gets_its_gradient():
    layer, _, x = made(variant="plain", bias=True)
    layer.base.bias.requires_grad_()
    layer.round(Int8Quantization())
    layer(x).sum().backward()
    torch.testing.assert_close(layer.base.bias.grad, torch.full((9,), 7.0))
