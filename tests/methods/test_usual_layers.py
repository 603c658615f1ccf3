"""The usual layers, of many small architectures: by what they do, and as PEFT has it."""

import pytest
import torch
from peft import IA3Config, get_peft_model
from peft.tuners.ia3.layer import IA3Layer
from torch import nn
from transformers import AutoConfig, AutoModel

from loratory.errors import ConfigError
from loratory.methods.usual_layers import (
    ATTENTION_OUTPUTS,
    FEED_FORWARD_OUTPUTS,
    is_feed_forward_output,
    keys_values_and_feed_forward,
    outputs_of,
)
from loratory.models.conv1d import to_linears
from loratory.models.network import Network
from loratory.models.reading import of_texts

SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 1,
}
KEYS = {"num_key_value_heads": 2, "intermediate_size": 24}
# What else each needs to be small.
TYPES = {
    "gpt2": {},
    "gpt_bigcode": {},
    "gpt_neo": {"attention_types": [[["global"], 2]], "num_layers": 2},
    "gptj": {"rotary_dim": 4},
    "codegen": {"rotary_dim": 4},
    "gpt_neox": {"intermediate_size": 24},
    "bloom": {},
    "falcon": {},
    "opt": {"ffn_dim": 24, "word_embed_proj_dim": 16},
    "xglm": {"ffn_dim": 24},
    "biogpt": {"intermediate_size": 24},
    "phi": {"intermediate_size": 24},
    "mpt": {"max_seq_len": 32},
    "llama": KEYS,
    "mistral": KEYS,
    "qwen2": KEYS,
    "qwen3": {**KEYS, "head_dim": 4},
    "gemma": {**KEYS, "head_dim": 4},
    "gemma2": {**KEYS, "head_dim": 4},
    "gemma3_text": {**KEYS, "head_dim": 4},
    "phi3": KEYS,
    "starcoder2": KEYS,
    "stablelm": KEYS,
    "olmo2": KEYS,
    "smollm3": KEYS,
}
# Those for which PEFT chooses layers.
PEFTS = (
    *("gpt2", "gpt_bigcode", "gpt_neo", "gptj", "gpt_neox", "bloom", "falcon", "opt", "phi"),
    *("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"),
)
TEXT, OTHER = [5, 9, 33, 12], [7, 40, 2, 12]  # with the same last token


def model_of(kind):
    """Return transformers' own backbone."""
    config = AutoConfig.for_model(kind, **{**SMALL, **TYPES[kind]})
    for setting, value in vars(config).items():
        if "drop" in setting and isinstance(value, float):
            setattr(config, setting, 0.0)
    torch.manual_seed(0)
    return AutoModel.from_config(config, dtype=torch.float32).eval()


def network_of(kind):
    """Return a network with larger weights than a fresh start's."""
    model = model_of(kind)
    transposed = to_linears(model)
    stir(model)
    return Network(model, transposed)


def stir(model):
    """Make every linear layer another, its bias too."""
    generator = torch.Generator().manual_seed(1)
    for layer in model.modules():
        for parameter in layer.parameters() if isinstance(layer, nn.Linear) else ():
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.3)


def silence(network, names):
    """Let layers say nothing."""
    for name in names:
        for parameter in network.get_submodule(name).parameters():
            parameter.data.zero_()


@torch.no_grad()
def last_state(network, text):
    return network(of_texts([text], "cpu"))[-1]


@pytest.mark.parametrize("kind", TYPES)
def test_attention_reads_other_tokens_through_its_outputs_alone(kind):
    network = network_of(kind)
    names = outputs_of(network, ATTENTION_OUTPUTS)
    assert len(names) == 2
    assert not torch.allclose(last_state(network, TEXT), last_state(network, OTHER), atol=1e-4)
    silence(network, names)
    torch.testing.assert_close(last_state(network, TEXT), last_state(network, OTHER))


@pytest.mark.parametrize("kind", TYPES)
def test_the_two_outputs_are_all_that_a_block_adds(kind):
    network = network_of(kind)
    names = outputs_of(network, ATTENTION_OUTPUTS, FEED_FORWARD_OUTPUTS)
    inner = outputs_of(network, FEED_FORWARD_OUTPUTS)
    assert (len(names), len(inner)) == (4, 2)
    silence(network, set(names) - set(inner))
    before = last_state(network, TEXT)
    silence(network, inner)
    quiet = last_state(network, TEXT)
    assert not torch.allclose(before, quiet, atol=1e-4)
    stir(network)
    silence(network, names)
    torch.testing.assert_close(last_state(network, TEXT), quiet)


@pytest.mark.parametrize("kind", PEFTS)
def test_ia3_scales_what_pefts_choice_scales(kind):
    network = network_of(kind)
    found = {name: is_feed_forward_output(name) for name in keys_values_and_feed_forward(network)}
    settings = IA3Config(fan_in_fan_out=bool(network.transposed))
    stock = get_peft_model(model_of(kind), settings).base_model.model
    expected = {
        f"{network.prefix}.{name}": layer.is_feedforward
        for name, layer in stock.named_modules()
        if isinstance(layer, IA3Layer)
    }
    assert found == expected


@pytest.mark.parametrize("kind", ["starcoder2", "stablelm", "olmo2", "smollm3", "xglm"])
def test_elsewhere_ia3_scales_keys_values_and_the_inside_of_feed_forward_parts(kind):
    network = network_of(kind)
    found = keys_values_and_feed_forward(network)
    inner = set(outputs_of(network, FEED_FORWARD_OUTPUTS))
    assert len(found) == 6
    assert {name.rpartition(".")[2] for name in set(found) - inner} == {"k_proj", "v_proj"}


@pytest.mark.parametrize(
    "choose", [lambda n: outputs_of(n, ATTENTION_OUTPUTS), keys_values_and_feed_forward]
)
def test_a_network_of_other_names_is_refused_with_the_layers_it_has(choose):
    config = AutoConfig.for_model("mamba", vocab_size=60, hidden_size=16, num_hidden_layers=2)
    network = Network(AutoModel.from_config(config).eval())
    with pytest.raises(ConfigError, match=r"mamba.*in_proj.*\n.*target_modules.*in_proj") as caught:
        choose(network)
    assert caught.value.code == "CFG-TARGET"
