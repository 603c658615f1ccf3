"""A layer in int8 is used as the linear layer is that it was made of."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from loratory.models.int8 import multiplies_exactly
from loratory.models.int8_linear import Int8Linear, frozen_weight

pytestmark = pytest.mark.skipif(
    not multiplies_exactly(), reason="this processor has no exact product in int8"
)


def cosine(one, other):
    return F.cosine_similarity(one.flatten(), other.flatten(), 0)


@pytest.mark.parametrize("shape", [(16,), (3, 16), (2, 3, 16)])
def test_a_layer_takes_what_a_linear_layer_takes(shape):
    layer = nn.Linear(16, 24)
    x = torch.randn(shape)
    found = Int8Linear(layer)(x)
    assert found.shape == layer(x).shape
    assert cosine(found, layer(x)) > 0.999


def test_a_layer_by_itself_passes_a_gradient_on_and_takes_none():
    layer, x = nn.Linear(16, 24).requires_grad_(requires_grad=False), torch.randn(9, 16)
    upstream, inputs = torch.randn(9, 24), (x.clone().requires_grad_(), x.clone().requires_grad_())
    rough = Int8Linear(layer)
    rough(inputs[0]).backward(upstream)
    layer(inputs[1]).backward(upstream)
    assert cosine(inputs[0].grad, inputs[1].grad) > 0.999
    assert not list(rough.parameters(recurse=False))[1:]  # the bias alone


def test_a_weight_that_is_asked_for_is_the_one_that_is_multiplied_with():
    layer = nn.Linear(16, 24)
    rough = Int8Linear(layer)
    assert frozen_weight(layer) is layer.weight
    assert frozen_weight(rough) is rough.matrix
    assert cosine(rough.weight, layer.weight) > 0.9999
    x = torch.randn(9, 16, dtype=torch.float64)
    torch.testing.assert_close(rough.matrix.product(x), F.linear(x, rough.weight.to(torch.float64)))


def test_a_copied_layer_computes_the_same():
    rough, x = Int8Linear(nn.Linear(16, 24)), torch.randn(9, 16)
    assert copy.deepcopy(rough)(x).equal(rough(x))
