"""LoRA: what it promises, each promise in one test."""

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.errors import ConfigError
from loratory.methods import lora
from loratory.methods.trained import parameter_counts, trained_parameters
from loratory.models.conv1d import to_linears
from loratory.models.load import load_base
from loratory.models.network import Network
from loratory.models.product import product
from loratory.recipe.schema import LoraMethod

BATCH = flatten([EncodedRow((tuple(range(1, 1 + length)),), (), ()) for length in (5, 12, 1)])


@pytest.fixture
def network(base_folder):
    return load_base(str(base_folder)).network


def apply(network, seed=0, **settings):
    lora.apply(network, LoraMethod(**settings), torch.Generator().manual_seed(seed))
    return network


def layers(network):
    return {n: part for n, part in network.named_modules() if isinstance(part, lora.LoraLinear)}


def train_a_little(network, steps=10):
    optimizer = torch.optim.AdamW(trained_parameters(network).values(), lr=0.05)
    for _ in range(steps):
        network(BATCH).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_the_adapted_network_starts_as_the_base_bit_for_bit(network):
    network.double()
    with torch.no_grad():
        before = network(BATCH)
        assert torch.equal(apply(network)(BATCH), before)


def test_a_fresh_update_adds_nothing_to_the_layers_own_product():
    base, x = nn.Linear(24, 16), torch.randn(9, 24)
    layer = lora.LoraLinear(base, r=4, lora_alpha=8, lora_dropout=0.0)
    nn.init.normal_(layer.lora_A)
    with torch.no_grad():
        assert torch.equal(layer(x), product(x, base.weight, base.bias))


def test_the_update_is_scaled_by_alpha_over_r():
    layer = lora.LoraLinear(nn.Linear(3, 5), r=2, lora_alpha=7, lora_dropout=0.0)
    nn.init.ones_(layer.lora_A)
    nn.init.ones_(layer.lora_B)
    x = torch.ones(1, 3)
    torch.testing.assert_close(layer(x) - layer.base(x), torch.full((1, 5), 3.0 * 2 * 3.5))


def test_leading_sizes_stay_as_they_are():
    layer = lora.LoraLinear(nn.Linear(3, 5), r=2, lora_alpha=4, lora_dropout=0.0)
    nn.init.normal_(layer.lora_A)
    nn.init.normal_(layer.lora_B)
    x = torch.randn(2, 4, 3)
    found = layer(x)
    assert found.shape == (2, 4, 5)
    torch.testing.assert_close(found[1, 2], layer(x[1, 2][None])[0])


def test_only_the_update_trains(network):
    expected = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    apply(network, r=3)
    assert list(layers(network)) == expected
    factors = {f"{name}.lora_{factor}" for name in expected for factor in "AB"}
    assert trained_parameters(network).keys() == factors


def test_training_leaves_every_bit_of_the_base_alone(network):
    apply(network, r=4)
    frozen = {n: p.clone() for n, p in network.named_parameters() if not p.requires_grad}
    update = {n: p.clone() for n, p in trained_parameters(network).items()}
    train_a_little(network)
    assert frozen
    assert all(torch.equal(network.get_parameter(name), frozen[name]) for name in frozen)
    assert not any(torch.equal(network.get_parameter(name), update[name]) for name in update)


def test_dropout_acts_while_training_and_never_else(network):
    apply(network, r=4, lora_dropout=0.5)
    train_a_little(network, steps=2)
    with torch.no_grad():
        assert not torch.equal(network.train()(BATCH), network(BATCH))
        assert torch.equal(network.eval()(BATCH), network(BATCH))


def test_the_seed_decides_the_start(base_folder):
    networks = [load_base(str(base_folder)).network for _ in range(3)]
    starts = [
        [layer.lora_A for layer in layers(apply(network, seed=seed)).values()]
        for network, seed in zip(networks, (1, 1, 2), strict=True)
    ]
    assert all(map(torch.equal, starts[0], starts[1]))
    assert not any(map(torch.equal, starts[0], starts[2]))


def test_a_starts_as_torch_starts_a_linear_layer(network):
    for name, layer in layers(apply(network, r=8)).items():
        bound = layer.base.in_features**-0.5
        assert bound * 0.8 < float(layer.lora_A.detach().abs().max()) <= bound, name
        assert not layer.lora_B.any()


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
    network = Network(to_linears_in(AutoModel.from_config(config)))
    trained, total = parameter_counts(apply(network, r=8, target_modules=targets))
    assert trained * of_layers == count
    assert trained < total


def to_linears_in(model):
    to_linears(model)
    return model.eval()


def test_the_rank_is_at_most_the_smaller_side(gpt2_folder):
    apply(load_base(str(gpt2_folder)).network, r=16)
    with pytest.raises(ConfigError) as caught:
        apply(load_base(str(gpt2_folder)).network, r=17)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("CFG-RANGE", 2, "method.r")
    assert (error.got, error.expected) == (17, "1…16")
    assert "leave transformer.h.0.attn.c_attn out" in error.fix


def test_modules_to_save_train_in_full_beside_the_update(network):
    target, saved = ("c_attn", "ln_f") if network.prefix == "transformer" else ("q_proj", "norm")
    apply(network, target_modules=[target], modules_to_save=[saved])
    whole = [name for name in trained_parameters(network) if "lora_" not in name]
    assert whole
    assert all(name.startswith(f"{network.prefix}.{saved}.") for name in whole)
    before = network.get_submodule(f"{network.prefix}.{saved}").weight.clone()
    train_a_little(network, steps=2)
    assert not torch.equal(network.get_submodule(f"{network.prefix}.{saved}").weight, before)


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("no_such_module", "no module with weights is called 'no_such_module'"),
        ("act", "no module with weights"),
        ("act_fn", "no module with weights"),
        ("mlp", "already has a low-rank update"),
    ],
)
def test_modules_that_cannot_be_saved_are_refused(network, module, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        apply(network, modules_to_save=[module])
    error = caught.value
    assert (error.code, error.exit_code) == ("CFG-TARGET", 2)
    assert error.at == "method.modules_to_save"


@pytest.fixture
def mamba():
    config = AutoConfig.for_model(
        "mamba", vocab_size=320, hidden_size=16, num_hidden_layers=2, state_size=4, time_step_rank=4
    )
    return Network(AutoModel.from_config(config).eval())


def test_a_recurrent_network_can_be_adapted_before_its_recurrence(mamba):
    apply(mamba, r=2, target_modules=["in_proj"])
    train_a_little(mamba, steps=2)
    assert all(layer.lora_B.any() for layer in layers(mamba).values())


def test_a_layer_whose_weight_the_base_uses_by_itself_is_refused_and_not_left_out(mamba):
    apply(mamba, r=2)
    with pytest.raises(ConfigError, match="would leave the update out") as caught:
        mamba(BATCH)
    assert (caught.value.code, caught.value.at) == ("CFG-TARGET", "method.target_modules")
