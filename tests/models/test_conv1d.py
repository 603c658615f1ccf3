"""Conv1D and linear layers: each becomes the other without the change of a bit."""

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from loratory.models.conv1d import conv1d_from_linear, linear_from_conv1d, to_conv1d, to_linears


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


def test_there_and_back_changes_no_bit_and_no_layout():
    layer = conv1d()
    back = conv1d_from_linear(linear_from_conv1d(layer))
    assert (back.nx, back.nf) == (4, 6)
    assert torch.equal(back.weight, layer.weight)
    assert torch.equal(back.bias, layer.bias)
    assert back.weight.is_contiguous()


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


def test_a_model_turned_and_turned_back_is_saved_as_it_came(stock, gpt2_folder, tmp_path):
    to_conv1d(stock, to_linears(stock))
    stock.save_pretrained(tmp_path)
    saved, original = tmp_path / "model.safetensors", gpt2_folder / "model.safetensors"
    assert saved.read_bytes() == original.read_bytes()


def test_what_was_changed_as_linear_layers_is_computed_the_same_by_transformers(stock, tmp_path):
    tokens = torch.arange(1, 12)[None]
    names = to_linears(stock)
    for name in names:
        stock.get_submodule(name).weight.data.mul_(1.25)
    with torch.no_grad():
        expected = stock(tokens).logits
    to_conv1d(stock, names)
    stock.save_pretrained(tmp_path)
    with torch.no_grad():
        found = AutoModelForCausalLM.from_pretrained(tmp_path).eval()(tokens).logits
    torch.testing.assert_close(found, expected)


def test_only_a_linear_layer_becomes_a_conv1d(stock):
    with pytest.raises(TypeError, match=r"transformer\.ln_f is no linear layer"):
        to_conv1d(stock, ["transformer.ln_f"])
