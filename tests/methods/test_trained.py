"""The tensors that train: named, copied, put back, counted."""

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from loratory.methods.make import make_method
from loratory.methods.trained import (
    load_trained,
    parameter_counts,
    trained_parameters,
    trained_tensors,
)
from loratory.models.conv1d import to_linears
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.recipe.schema import LoraMethod


@pytest.fixture
def network():
    """Return two layers that share a bias, of which the second's weight trains."""
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)).requires_grad_(requires_grad=False)
    network[1].bias = network[0].bias
    network[1].weight.requires_grad_()
    return network


def test_only_what_trains_is_named(network):
    assert {name: p is network[1].weight for name, p in trained_parameters(network).items()} == {
        "1.weight": True
    }


def test_the_tensors_are_copies(network):
    (tensor,) = trained_tensors(network).values()
    assert torch.equal(tensor, network[1].weight)
    tensor.zero_()
    assert network[1].weight.any()


def test_copies_put_back_restore_every_bit_and_nothing_else(network):
    before = trained_tensors(network)
    frozen = network[0].weight.clone()
    network[1].weight.data.normal_()
    network[0].weight.data.add_(1)
    load_trained(network, before)
    assert torch.equal(network[1].weight, before["1.weight"])
    assert torch.equal(network[0].weight, frozen + 1)


@pytest.mark.parametrize("names", [[], ["0.weight"], ["1.weight", "2.weight"]], ids=str)
def test_other_names_are_refused(network, names):
    with pytest.raises(KeyError, match="not the same tensors"):
        load_trained(network, dict.fromkeys(names, torch.zeros(4, 4)))


def test_tied_tensors_are_counted_once(network):
    assert parameter_counts(network) == (16, 3 * 4 + 4 + 4 * 4)


# SmolLM2-135M and GPT-2, with one of their layers and a small vocabulary: (configuration, layers).
SMOLLM2 = (
    {
        "model_type": "llama",
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "num_hidden_layers": 1,
    },
    30,
)
GPT2 = ({"model_type": "gpt2", "n_layer": 1}, 12)
GPT2_MEDIUM = ({"model_type": "gpt2", "n_layer": 1, "n_embd": 1024, "n_head": 16}, 24)


@pytest.mark.parametrize(
    ("model", "targets", "count"),
    [
        (SMOLLM2, "all-linear", 2_442_240),
        (SMOLLM2, ["q_proj", "v_proj"], 460_800),
        (GPT2, ["c_attn"], 294_912),
        (GPT2_MEDIUM, ["c_attn"], 786_432),
    ],
)
def test_as_many_numbers_train_as_the_field_says(model, targets, count):
    settings, of_layers = model
    config = AutoConfig.for_model(**settings, vocab_size=320)
    model = AutoModel.from_config(config)
    to_linears(model)
    base = Base(source=None, network=Network(model.eval()), tokenizer=None, digest="")
    make_method(LoraMethod(r=8, target_modules=targets)).apply(base, torch.Generator())
    trained, total = parameter_counts(base.network)
    assert trained * of_layers == count
    assert trained < total
