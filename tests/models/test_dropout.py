"""Dropout where an architecture has some: what drops, how much, and only while training."""

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, GPT2Model

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.errors import ConfigError
from loratory.models.dropout import set_dropout
from loratory.models.load import load_base
from loratory.models.network import Network

BATCH = flatten([EncodedRow((tuple(range(1, 9)),), (), ())])


@torch.no_grad()
def drawn(network, times=1):
    return [network(BATCH) for _ in range(times)]


def test_it_drops_while_training_and_never_else(base_folder):
    network = load_base(str(base_folder)).network
    (exact,) = drawn(network)
    set_dropout(network, 0.3)
    assert all(torch.equal(found, exact) for found in drawn(network, 2))
    network.train()
    one, other = drawn(network, 2)
    assert not torch.equal(one, other)
    set_dropout(network, 0.0)
    assert torch.equal(*drawn(network, 2))


def test_gpt2_drops_in_the_embedding_in_attention_and_what_a_block_adds(gpt2_folder):
    """The modules are those that GPT-2's own configuration sets."""
    network = load_base(str(gpt2_folder)).network
    set_dropout(network, 0.25)
    ours = {n: m.p for n, m in network.transformer.named_modules() if isinstance(m, nn.Dropout)}
    config = AutoConfig.from_pretrained(
        gpt2_folder, embd_pdrop=0.25, attn_pdrop=0.25, resid_pdrop=0.25
    )
    theirs = {n: m.p for n, m in GPT2Model(config).named_modules() if isinstance(m, nn.Dropout)}
    assert ours == theirs
    assert {name.rpartition(".")[2] for name in ours} >= {"drop", "attn_dropout", "resid_dropout"}


PLACES = ["drop", "attn_dropout", "resid_dropout", "mlp.dropout"]


@pytest.mark.parametrize("place", PLACES)
def test_each_place_of_gpt2_drops_by_itself(gpt2_folder, place):
    network = load_base(str(gpt2_folder)).network
    set_dropout(network, 0.5)
    for name, module in network.transformer.named_modules():
        if isinstance(module, nn.Dropout) and not name.endswith(place):
            module.p = 0.0
    network.train()
    assert not torch.equal(*drawn(network, 2))


def test_llama_has_one_in_each_layers_attention_and_no_other(llama_folder):
    network = load_base(str(llama_folder)).network
    set_dropout(network, 0.4)
    layers = [m for m in network.modules() if hasattr(m, "attention_dropout")]
    assert [layer.attention_dropout for layer in layers] == [0.4, 0.4]
    assert not any(isinstance(module, nn.Dropout) and module.p for module in network.modules())


@torch.no_grad()
def test_the_mean_of_what_attention_says_stays_in_a_single_layer():
    """Dropped weights of attention are made up for by the rest: the first layer's mean is exact."""
    config = AutoConfig.for_model(
        "llama", vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2
    )
    network = Network(AutoModel.from_config(config).eval())
    found = {}
    attention = network.model.layers[0].self_attn
    attention.register_forward_hook(lambda *given: found.setdefault("all", []).append(given[2][0]))
    network(BATCH)
    set_dropout(network, 0.4)
    network.train()
    for _ in range(3000):
        network(BATCH)
    exact, *rest = found["all"]
    many = torch.stack(rest)
    assert not torch.equal(many[0], many[1])
    assert bool(((many.mean(0) - exact).abs() <= 5 * many.std(0) / 3000**0.5 + 1e-6).all())


def test_a_head_that_a_task_added_is_left_alone(gpt2_folder):
    network = load_base(str(gpt2_folder)).network
    network.add_module("score", nn.Sequential(nn.Dropout(0.0)))
    set_dropout(network, 0.5)
    assert network.score[0].p == 0.0


def test_an_architecture_without_any_is_refused():
    config = AutoConfig.for_model(
        "mamba", vocab_size=32, hidden_size=8, num_hidden_layers=1, state_size=4, time_step_rank=2
    )
    network = Network(AutoModel.from_config(config).eval())
    with pytest.raises(ConfigError, match="type mamba has no dropout anywhere") as caught:
        set_dropout(network, 0.1)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("CFG-METHOD", 2, "method.dropout")
    assert (error.got, error.expected, error.fix) == (0.1, "0.0", "leave method.dropout out")
