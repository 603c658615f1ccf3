"""Networks that round: every linear layer of both layouts, and an account of every number."""

import pytest
import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.elsewhere import settled
from loratory.methods.make import make_method
from loratory.methods.method import adapted_layers
from loratory.methods.rounded import round_layers, without_rounding
from loratory.models.load import load_base
from loratory.models.network import probe_batch
from loratory.models.rounding import RoundedLinear, Rounding
from loratory.recipe.quantization import Int4Quantization, Int8Quantization
from loratory.recipe.schema import (
    BitfitMethod,
    BottleneckMethod,
    FullMethod,
    Ia3Method,
    LoraMethod,
    PeftMethod,
    PromptMethod,
)

METHODS = [
    LoraMethod(r=2),
    LoraMethod(r=2, layers_to_transform=(1,)),
    LoraMethod(r=2, use_dora=True),
    LoraMethod(r=2, init_lora_weights="pissa"),
    FullMethod(),
    BitfitMethod(missing_biases="add"),
    Ia3Method(),
]
NAMES = {
    "gpt2": {"c_attn", "c_proj", "c_fc"},
    "llama": {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
}


def with_method(folder, method):
    base = load_base(str(folder))
    make_method(method).apply(base, torch.Generator().manual_seed(1))
    for name, parameter in base.network.named_parameters():
        if parameter.requires_grad and name.endswith(("lora_B", "ia3_l", "bias")):
            parameter.data.add_(0.1 * torch.randn(parameter.shape))
    return base


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
def test_all_linear_layers_round_and_folded_they_compute_the_same(base_folder, method):
    base = with_method(base_folder, method)
    network = base.network
    plain = network(probe_batch(network)).detach()
    parts = round_layers(network, Int8Quantization())
    assert set(parts.rounded) == NAMES[network.config.model_type]
    rounding = [part for part in network.modules() if isinstance(part, Rounding)]
    linears = [
        part for part in network.modules() if isinstance(part, nn.Linear) and part.weight.dim() == 2
    ]
    assert len(rounding) == len(linears)
    rounded = network(probe_batch(network)).detach()
    assert 0 < (rounded - plain).abs().max() < 0.2 * plain.abs().max()
    for name, layer in adapted_layers(network).items():
        network.set_submodule(name, layer.merged())
    assert all(isinstance(network.get_submodule(n), RoundedLinear) for n in _linear_names(network))
    folded = network(probe_batch(network)).detach()
    torch.testing.assert_close(folded, rounded, rtol=0, atol=2e-2)
    without_rounding(network)
    unrounded = network(probe_batch(network)).detach()
    torch.testing.assert_close(unrounded, plain, rtol=1e-4, atol=1e-4)


def _linear_names(network):
    return [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]


def test_every_number_that_is_shipped_is_accounted_for(base_folder):
    base = load_base(str(base_folder), language_head=True)
    total = sum(parameter.numel() for parameter in base.network.parameters())
    with_lora = with_method(base_folder, LoraMethod(r=2))
    parts = round_layers(with_lora.network, Int4Quantization(group_size=8))
    alone = sum(p.numel() for p in load_base(str(base_folder)).network.parameters())
    assert sum(parts.rounded.values()) + sum(parts.kept.values()) == alone <= total
    first, second = parts.lines()
    assert "int4 in groups of 8" in first
    assert ("wte" in second) or ("embed_tokens" in second)


def test_groups_that_do_not_fill_a_layer_are_listed(llama_folder):
    network = load_base(str(llama_folder)).network
    with pytest.raises(ConfigError) as refused:
        round_layers(network, Int4Quantization(group_size=16))
    assert (refused.value.code, refused.value.at) == ("CFG-RANGE", "quantization.group_size")
    assert "down_proj (24)" in str(refused.value)
    section = Int4Quantization(group_size=16, skip_modules=("down_proj",))
    parts = round_layers(network, section)
    assert "down_proj" in parts.kept
    assert "down_proj" not in parts.rounded


def test_a_layer_to_skip_must_be_there(gpt2_folder):
    with pytest.raises(ConfigError, match="c_attn, c_fc, c_proj"):
        round_layers(
            load_base(str(gpt2_folder)).network, Int8Quantization(skip_modules=("q_proj",))
        )


def test_where_no_layer_is_left_to_round_nothing_is(gpt2_folder):
    section = Int8Quantization(skip_modules=("c_attn", "c_fc", "c_proj"))
    with pytest.raises(ConfigError, match="no linear layer is left"):
        round_layers(load_base(str(gpt2_folder)).network, section)


@pytest.mark.parametrize("method", [PromptMethod(num_virtual_tokens=2), BottleneckMethod()])
def test_what_no_layer_can_hold_is_refused(gpt2_folder, method):
    base = with_method(gpt2_folder, method)
    with pytest.raises(ConfigError):
        round_layers(base.network, Int8Quantization())


def test_an_adapter_from_elsewhere_with_dropout_is_refused(llama_folder, tmp_path):
    section = LoraMethod(r=2, lora_dropout=0.1)
    base = with_method(llama_folder, section)
    make_method(section).save(base, tmp_path, heads=())
    again = with_method(llama_folder, settled(PeftMethod(folder=str(tmp_path))))
    with pytest.raises(ConfigError) as refused:
        round_layers(again.network, Int8Quantization())
    assert refused.value.code == "CFG-QUANT"
    assert "adapter_config.json" in refused.value.fix


def test_a_layer_that_the_base_multiplies_by_itself_is_not_skipped_silently(llama_folder):
    network = load_base(str(llama_folder)).network
    block = network.get_submodule(f"{network.prefix}.layers.0")
    block.idle_proj = nn.Linear(16, 4)
    with pytest.raises(ConfigError, match="idle_proj"):
        round_layers(network, Int8Quantization())
