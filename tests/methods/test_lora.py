"""LoRA and its variants in a network: what gets an update, how it starts, and what trains."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModel

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.errors import ConfigError
from loratory.methods.lora import Lora, by_pattern
from loratory.methods.lora_layer import LoraLinear
from loratory.methods.trained import trained_parameters
from loratory.models.load import Base, load_base
from loratory.models.network import Network
from loratory.recipe.schema import LoraMethod

BATCH = flatten([EncodedRow((tuple(range(1, 1 + length)),), (), ()) for length in (5, 12, 1)])
VARIANTS = {
    "lora": {},
    "gaussian": {"init_lora_weights": "gaussian"},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "rslora and pissa": {"init_lora_weights": "pissa", "use_rslora": True},
    "dora and pissa": {"init_lora_weights": "pissa", "use_dora": True},
}


@pytest.fixture
def network(base_folder):
    return load_base(str(base_folder)).network


def apply(network, seed=0, **settings):
    base = Base(source=None, network=network, tokenizer=None, digest="")
    Lora(LoraMethod(**settings)).apply(base, torch.Generator().manual_seed(seed))
    return network


def layers(network):
    return {n: part for n, part in network.named_modules() if isinstance(part, LoraLinear)}


def train_a_little(network, steps=10):
    optimizer = torch.optim.AdamW(trained_parameters(network).values(), lr=0.05)
    for _ in range(steps):
        network(BATCH).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("variant", ["lora", "gaussian", "rslora"])
def test_the_adapted_network_starts_as_the_base_bit_for_bit(network, variant):
    network.double()
    with torch.no_grad():
        before = network(BATCH)
        assert torch.equal(apply(network, **VARIANTS[variant])(BATCH), before)


@pytest.mark.parametrize("variant", ["dora", "pissa", "rslora and pissa", "dora and pissa"])
def test_what_is_scaled_or_taken_out_starts_as_the_base_but_for_rounding(network, variant):
    with torch.no_grad():
        before = network(BATCH)
        found = apply(network, lora_alpha=5.0, **VARIANTS[variant])(BATCH)
    torch.testing.assert_close(found, before, rtol=0, atol=2e-5)


def test_only_the_update_trains(network):
    expected = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    apply(network, r=3)
    assert list(layers(network)) == expected
    factors = {f"{name}.lora_{factor}" for name in expected for factor in "AB"}
    assert trained_parameters(network).keys() == factors


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_leaves_every_bit_of_the_base_alone(network, variant):
    own = {name: p.clone() for name, p in network.named_parameters()}
    apply(network, r=4, **VARIANTS[variant])
    update = {n: p.clone() for n, p in trained_parameters(network).items()}
    train_a_little(network)
    found = {n.replace(".base.", "."): p for n, p in network.named_parameters()}
    assert all(torch.equal(found[name], own[name]) for name in own)
    assert not any(torch.equal(network.get_parameter(name), update[name]) for name in update)


def test_dropout_acts_while_training_and_never_else(network):
    apply(network, r=4, lora_dropout=0.5)
    train_a_little(network, steps=2)
    with torch.no_grad():
        assert not torch.equal(network.train()(BATCH), network(BATCH))
        assert torch.equal(network.eval()(BATCH), network(BATCH))


@pytest.mark.parametrize("start", ["kaiming", "gaussian"])
def test_the_seed_decides_the_start(base_folder, start):
    networks = [load_base(str(base_folder)).network for _ in range(3)]
    starts = [
        [layer.lora_A for layer in layers(apply(network, seed=seed, **settings)).values()]
        for network, seed, settings in zip(
            networks, (1, 1, 2), [{"init_lora_weights": start}] * 3, strict=True
        )
    ]
    assert all(map(torch.equal, starts[0], starts[1]))
    assert not any(map(torch.equal, starts[0], starts[2]))


def test_a_starts_as_torch_starts_a_linear_layer(network):
    for name, layer in layers(apply(network, r=8)).items():
        bound = layer.base.in_features**-0.5
        assert bound * 0.8 < float(layer.lora_A.detach().abs().max()) <= bound, name
        assert not layer.lora_B.any()


def test_a_gaussian_start_spreads_by_one_over_the_rank(network):
    found = layers(apply(network, r=8, init_lora_weights="gaussian")).values()
    numbers = torch.cat([layer.lora_A.detach().flatten() for layer in found])
    assert len(numbers) > 1000
    assert abs(float(numbers.std()) * 8 - 1) < 0.1
    assert abs(float(numbers.mean())) * 8 < 0.1
    # A normal distribution has more beyond two of its standard deviations than a uniform one.
    assert 0.02 < float((numbers.abs() > 2 / 8).float().mean()) < 0.08
    assert not any(layer.lora_B.any() for layer in found)


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"lora_alpha": 0.5}], ids=str)
def test_pissa_starts_as_the_best_approximation_of_each_weight(network, settings):
    """The r strongest directions, found by numpy; no matrix of rank r is nearer (Eckart-Young)."""
    for layer in layers(apply(network, r=3, init_lora_weights="pissa", **settings)).values():
        weight = layer.base.weight.double().numpy()
        u, s, v = np.linalg.svd(weight, full_matrices=False)
        best = (u[:, :3] * s[:3]) @ v[:3]
        a, b = layer.lora_A.detach().double().numpy(), layer.lora_B.detach().double().numpy()
        np.testing.assert_allclose(layer.scaling * b @ a, best, atol=1e-5)
        # Shared alike between the two factors, as the paper has it.
        sizes = [np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=0)]
        np.testing.assert_allclose(*sizes, rtol=1e-5)
        assert torch.equal(layer.start_a, layer.lora_A)
        assert torch.equal(layer.start_b, layer.lora_B)


def test_the_magnitude_starts_as_the_length_of_each_outputs_weights(network):
    for layer in layers(apply(network, use_dora=True)).values():
        lengths = torch.linalg.vector_norm(layer.base.weight.double(), dim=1)
        assert layer.lora_magnitude_vector.requires_grad
        torch.testing.assert_close(layer.lora_magnitude_vector.detach().double(), lengths)


ONE_OF_EACH = {"gpt2": "c_attn", "llama": "q_proj"}
PATTERNS = [
    {"rank_pattern": {"{one}": 2}},
    {"rank_pattern": {r".*\.1\..*": 3, "{one}": 5}, "alpha_pattern": {"{one}": 3.0}},
    {"rank_pattern": {"0.mlp.{mlp}": 6}, "alpha_pattern": {r"{block}\.1\.mlp\.{mlp}": 1.0}},
    {"alpha_pattern": {r".*(attn).*": 4.0}, "use_rslora": True, "rank_pattern": {"{one}": 2}},
    {"layers_to_transform": [1], "target_modules": ["{one}"]},
    {"layers_to_transform": [0, 1], "target_modules": ["{one}", "{mlp}"]},
    {"target_modules": r".*\.1\..*{one}"},
]
WORDS = {
    "gpt2": {"{one}": "c_attn", "{mlp}": "c_fc", "{block}": "transformer.h"},
    "llama": {"{one}": "q_proj", "{mlp}": "up_proj", "{block}": "model.layers"},
}


def worded(part, words):
    """Return settings with the words of the layout in place of those in braces."""
    if isinstance(part, dict):
        return {worded(key, words): worded(value, words) for key, value in part.items()}
    if isinstance(part, list):
        return [worded(value, words) for value in part]
    for name, word in words.items():
        part = part.replace(name, word) if isinstance(part, str) else part
    return part


def peft_model(peft, layout, **settings):
    config = LoraConfig(task_type="SEQ_CLS", fan_in_fan_out=layout == "gpt2", **settings)
    return get_peft_model(peft.stock, config)


@pytest.mark.parametrize("settings", PATTERNS, ids="-".join)
def test_layers_ranks_and_scalings_are_those_of_peft(ours, peft, settings):
    settings = {"target_modules": "all-linear", "r": 4, "lora_alpha": 6} | worded(
        settings, WORDS[ours.layout]
    )
    found = {
        name: (len(layer.lora_A), layer.scaling)
        for name, layer in layers(ours.base(**settings).network).items()
    }
    model = peft_model(peft, ours.layout, **settings)
    expected = {
        name.removeprefix("base_model.model."): (part.r["default"], part.scaling["default"])
        for name, part in model.named_modules()
        if hasattr(part, "lora_A")
    }
    assert found == expected
    assert len({rank for rank, _ in found.values()}) > 1 or "rank_pattern" not in settings


def test_the_first_pattern_that_fits_counts():
    pattern = {"mlp.c_fc": 1, "c_fc": 2, r"h\.0\..*": 3}
    names = ["h.0.mlp.c_fc", "h.0.x.c_fc", "t.h.0.attn", "h.1.attn", "h.1.my_c_fc"]
    assert [by_pattern(pattern, name, 9) for name in names] == [1, 2, 3, 9, 9]


@pytest.mark.parametrize("bias", ["none", "lora_only", "all"])
def test_the_biases_that_train_are_those_of_peft(ours, peft, bias):
    settings = {"target_modules": [ONE_OF_EACH[ours.layout]], "bias": bias}
    found = {n for n in trained_parameters(ours.base(**settings).network) if "bias" in n}
    model = peft_model(peft, ours.layout, **settings)
    expected = {
        name.removeprefix("base_model.model.").replace(".base_layer.", ".base.")
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and name.endswith("bias")
    }
    assert found == expected
    assert bool(found) == (bias != "none" and ours.layout == "gpt2")


def refusal_of(folder, **settings):
    with pytest.raises(ConfigError) as caught:
        apply(load_base(str(folder)).network, **settings)
    return caught.value


def test_the_rank_is_at_most_the_smaller_side(gpt2_folder):
    apply(load_base(str(gpt2_folder)).network, r=16)
    for settings in ({"r": 17}, {"r": 4, "rank_pattern": {r"h\.0\.attn\.c_attn": 17}}):
        error = refusal_of(gpt2_folder, **settings)
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
def test_modules_that_cannot_be_saved_are_refused(base_folder, module, problem):
    error = refusal_of(base_folder, modules_to_save=[module])
    assert problem in error.problem
    assert (error.code, error.exit_code) == ("CFG-TARGET", 2)
    assert error.at == "method.modules_to_save"


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("no_proj", "no target layer has a name that ends so"),
        ("proj", "no target layer has a name that ends so"),
        ("(", "not a regular expression"),
        ("lm_head", "no target layer"),
    ],
)
@pytest.mark.parametrize("pattern", ["rank_pattern", "alpha_pattern"])
def test_a_pattern_that_fits_no_target_is_refused(base_folder, pattern, key, problem):
    error = refusal_of(base_folder, **{pattern: {key: 2}})
    assert problem in error.problem
    assert (error.code, error.at, error.got) == ("CFG-TARGET", f"method.{pattern}", key)
    assert error.expected.endswith(".0.attn.c_attn") or error.expected.endswith(".q_proj")


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
