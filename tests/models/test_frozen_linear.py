"""A frozen linear layer computes what PyTorch's does, and where it trains it is PyTorch's."""

import copy

import pytest
import torch
from torch import nn

from loratory.models.frozen_linear import FrozenLinear, frozen, to_frozen
from loratory.models.load import load_base

DTYPES = [torch.float64, torch.float32, torch.bfloat16]


def pair(dtype=torch.float32, *, bias=True, across=False):
    torch.manual_seed(0)
    plain = nn.Linear(16, 24, bias=bias, dtype=dtype).requires_grad_(requires_grad=False)
    if across:
        plain.weight = nn.Parameter(plain.weight.T.contiguous().T, requires_grad=False)
    return plain, FrozenLinear(plain)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("across", [True, False])
def test_it_computes_what_pytorchs_does_and_so_does_its_gradient(dtype, bias, across):
    plain, found = pair(dtype, bias=bias, across=across)
    one, other = (torch.randn(2, 5, 16).to(dtype) for _ in range(2))
    other = one.clone().requires_grad_()
    one.requires_grad_()
    for layer, x in ((plain, one), (found, other)):
        layer(x).square().sum().backward()
    torch.testing.assert_close(found(one), plain(one))
    torch.testing.assert_close(other.grad, one.grad)


@pytest.mark.parametrize("trains", ["weight", "bias"])
def test_what_trains_gets_pytorchs_gradient(trains):
    layers = pair()
    found = []
    for layer in map(copy.deepcopy, layers):
        getattr(layer, trains).requires_grad_()
        layer(torch.ones(3, 16)).square().sum().backward()
        found.append(getattr(layer, trains).grad)
    torch.testing.assert_close(found[1], found[0])


def test_every_linear_layer_of_a_base_becomes_one_and_keeps_its_weight(base_folder):
    network = load_base(str(base_folder)).network
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert linear
    assert {type(layer) for layer in linear} == {FrozenLinear}


def test_other_layers_stay_what_they_are():
    class Other(nn.Linear):
        """A linear layer that does more."""

    other, plain = Other(2, 2), nn.Linear(2, 2)
    assert frozen(other) is other
    module = nn.Sequential(other, plain, nn.ReLU())
    to_frozen(module)
    assert [type(part) for part in module] == [Other, FrozenLinear, nn.ReLU]
    assert module[1].weight is plain.weight
