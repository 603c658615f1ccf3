"""Conv1D becomes a linear layer without the change of a bit."""

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from loratory.models.conv1d import linear_from_conv1d, to_linears


@pytest.fixture
def stock(gpt2_folder):
    return AutoModelForCausalLM.from_pretrained(gpt2_folder).eval()


def conv1d():
    layer = Conv1D(6, 4)
    nn.init.normal_(layer.bias)
    return layer


def test_the_linear_layer_computes_what_the_conv1d_does():
    layer, x = conv1d(), torch.randn(5, 4)
    linear = linear_from_conv1d(layer)
    assert (linear.in_features, linear.out_features) == (4, 6)
    torch.testing.assert_close(linear(x), layer(x))


def test_the_weight_is_the_same_read_across():
    layer = conv1d()
    linear = linear_from_conv1d(layer)
    assert linear.weight.T.equal(layer.weight)
    assert linear.weight.data_ptr() == layer.weight.data_ptr()
    assert linear.bias.equal(layer.bias)


def test_gpt2_has_no_conv1d_left_and_every_name_is_told(stock):
    expected = [name for name, layer in stock.named_modules() if isinstance(layer, Conv1D)]
    assert len(expected) == 2 * 4
    assert to_linears(stock) == expected
    assert not any(isinstance(layer, Conv1D) for layer in stock.modules())
    assert all(isinstance(stock.get_submodule(name), nn.Linear) for name in expected)


def test_a_model_without_conv1d_stays_as_it_is(llama_folder):
    model = AutoModel.from_pretrained(llama_folder)
    before = dict(model.named_modules())
    assert to_linears(model) == []
    assert dict(model.named_modules()) == before


def test_a_model_of_linear_layers_computes_the_same(stock, gpt2_folder):
    tokens = torch.arange(1, 12)[None]
    to_linears(stock)
    with torch.no_grad():
        found = stock(tokens).logits
        expected = AutoModelForCausalLM.from_pretrained(gpt2_folder).eval()(tokens).logits
    torch.testing.assert_close(found, expected)
