"""Full fine-tuning: everything trains, and transformers' own classes load what comes out."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from loratory.methods import full
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import FullMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
FULL = FullMethod()


def test_everything_trains(base_folder, kind):
    network = kind.stirred(base_folder, FULL).network
    assert trained_parameters(network).keys() == dict(network.named_parameters()).keys()


def test_transformers_loads_it_with_equal_logits(base_folder, kind, tmp_path):
    base = kind.stirred(base_folder, FULL)
    full.save_model(base, tmp_path)
    model, info = kind.stock.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert type(model).__name__ == model.config.architectures[0]
    torch.testing.assert_close(kind.of_transformers(model), kind.numbers(base.network), **CLOSE)


def test_its_tokenizer_goes_with_it(base_folder, kind, tmp_path):
    base = kind.stirred(base_folder, FULL)
    full.save_model(base, tmp_path)
    text = "a quiet , lovely film"
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again(text)["input_ids"] == base.tokenizer(text)["input_ids"]


def test_what_was_saved_comes_back_bit_for_bit(base_folder, kind, tmp_path):
    base, other = kind.stirred(base_folder, FULL), kind.stirred(base_folder, FULL, seed=1)
    full.save_model(base, tmp_path)
    full.load_model(other.network, tmp_path)
    found, expected = other.network.state_dict(), base.network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_language_model_is_a_base_again(base_folder, text_kind, tmp_path):
    base = text_kind.stirred(base_folder, FULL)
    full.save_model(base, tmp_path)
    again = load_base(str(tmp_path), language_head=True)
    assert torch.equal(text_kind.numbers(again.network), text_kind.numbers(base.network))


def test_tied_weights_train_as_one_and_stay_tied(gpt2_folder, text_kind, tmp_path):
    base, other = (text_kind.stirred(gpt2_folder, FULL, seed) for seed in (0, 1))
    assert "lm_head.weight" not in trained_parameters(base.network)
    full.save_model(base, tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    full.load_model(other.network, tmp_path)
    network = other.network
    assert network.lm_head.weight is network.get_parameter("transformer.wte.weight")
    stock = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert stock.lm_head.weight is stock.transformer.wte.weight


def test_untied_weights_train_apart(llama_folder, text_kind, tmp_path):
    base = text_kind.stirred(llama_folder, FULL)
    full.save_model(base, tmp_path)
    held = load_file(tmp_path / "model.safetensors")
    assert not torch.equal(held["lm_head.weight"], held["model.embed_tokens.weight"])


def test_the_numbers_are_float32(base_folder, kind, tmp_path):
    full.save_model(kind.stirred(base_folder, FULL), tmp_path)
    held = load_file(tmp_path / "model.safetensors").values()
    assert {tensor.dtype for tensor in held} == {torch.float32}
    assert kind.stock.from_pretrained(tmp_path).dtype == torch.float32


@pytest.mark.parametrize("model_type", ["phi", "no such type"])
def test_where_transformers_has_no_class_the_names_stay(llama_folder, model_type):
    network = load_base(str(llama_folder)).network
    network.add_module("qa_outputs", nn.Linear(16, 2))
    name = "model.layers.0.mlp.up_proj.weight"
    assert full.stock_name(network, name) == "transformer.layers.0.mlp.up_proj.weight"
    assert full.stock_name(network, "qa_outputs.weight") == "qa_outputs.weight"
    network.config.model_type = model_type
    assert full.stock_name(network, name) == name
