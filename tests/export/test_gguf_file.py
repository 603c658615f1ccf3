"""The GGUF file: transformers' own reader finds every weight and setting where they belong."""

import pytest
import torch
from gguf import GGUFReader
from transformers import (
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from loratory.export.gguf_file import why_no_gguf, write_gguf
from loratory.models.gguf_network import FILE, read_gguf
from loratory.models.load import load_base

SIZES = {"vocab_size": 330, "num_hidden_layers": 2, "hidden_size": 16, "tie_word_embeddings": False}
LLAMA = SIZES | {"intermediate_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2}
GPT2 = {"vocab_size": 330, "n_positions": 48, "n_embd": 16, "n_layer": 2, "n_head": 2}


@pytest.fixture
def saved(gpt2_folder, tmp_path):
    """Return a function that draws a model, and returns it and its base, saved with a tokenizer."""

    def save(kind, config):
        torch.manual_seed(0)
        model = kind(config).eval()
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
        model.save_pretrained(tmp_path)
        AutoTokenizer.from_pretrained(gpt2_folder).save_pretrained(tmp_path)
        return model, load_base(str(tmp_path), language_head=True)

    return save


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (LlamaForCausalLM, LlamaConfig(**LLAMA, head_dim=8, rope_parameters={"rope_theta": 5e4})),
        (LlamaForCausalLM, LlamaConfig(**LLAMA | {"tie_word_embeddings": True}, rms_norm_eps=1e-3)),
        (GPT2LMHeadModel, GPT2Config(**GPT2, n_inner=40, layer_norm_epsilon=1e-3)),
        (GPT2LMHeadModel, GPT2Config(**GPT2, tie_word_embeddings=False)),
    ],
)
def test_what_is_read_back_is_what_was_written(saved, kind, config, tmp_path):
    model, base = saved(kind, config)
    assert why_no_gguf(base) is None
    (tmp_path / "config.json").rename(tmp_path / "elsewhere.json")  # The file says all.
    write_gguf(base, tmp_path / FILE, name="small", begin=(0,))
    found = read_gguf(tmp_path)
    assert found.state_dict().keys() == model.state_dict().keys()
    for name, weight in model.state_dict().items():
        assert torch.equal(found.get_parameter(name), weight), name
    tokens = torch.arange(40)[None]
    with torch.inference_mode():
        torch.testing.assert_close(found(tokens).logits, model(tokens).logits, rtol=0, atol=1e-6)


def test_llama_cpps_keys_turn_neighbours_where_transformers_turns_halves(saved, tmp_path):
    model, base = saved(LlamaForCausalLM, LlamaConfig(**LLAMA))
    write_gguf(base, tmp_path / FILE, name="small", begin=())
    tensors = {tensor.name: tensor.data for tensor in GGUFReader(tmp_path / FILE).tensors}
    # Two heads of four: of each, the rows 0 and 2 are turned against each other, and 1 and 3.
    order = [0, 2, 1, 3, 4, 6, 5, 7]
    expected = model.model.layers[1].self_attn.k_proj.weight[order]
    assert torch.equal(torch.from_numpy(tensors["blk.1.attn_k.weight"].copy()), expected)
    assert tensors["token_embd.weight"].shape == (330, 16)


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        (Qwen2ForCausalLM, Qwen2Config(**LLAMA), "architecture is qwen2"),
        (LlamaForCausalLM, LlamaConfig(**LLAMA, attention_bias=True), "attention_bias is True"),
        (LlamaForCausalLM, LlamaConfig(**LLAMA, hidden_act="gelu"), "hidden_act is gelu"),
        (
            LlamaForCausalLM,
            LlamaConfig(
                **LLAMA,
                rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4},
            ),
            "positions are scaled",
        ),
        (GPT2LMHeadModel, GPT2Config(**GPT2, activation_function="relu"), "is relu"),
        (GPT2LMHeadModel, GPT2Config(**GPT2, scale_attn_weights=False), "is False"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_told_apart(saved, kind, config, words):
    _, base = saved(kind, config)
    assert words in why_no_gguf(base)


def test_a_tokenizer_that_llama_cpp_splits_texts_otherwise_with_is_told_apart(saved):
    _, base = saved(GPT2LMHeadModel, GPT2Config(**GPT2))
    base.tokenizer.backend_tokenizer.pre_tokenizer = None
    assert "tokenizer" in why_no_gguf(base)
