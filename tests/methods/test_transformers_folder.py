"""The folder of transformers: its classes load what is written, and it comes back here."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from loratory.errors import ModelError, NumericsError
from loratory.methods.trained import trained_parameters
from loratory.methods.transformers_folder import load_model, save_model, stock_name, turned
from loratory.models.load import load_base
from loratory.recipe.schema import FullMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
FULL = FullMethod()
WEIGHTS = "model.safetensors"


def test_transformers_loads_it_with_equal_logits(base_folder, kind, tmp_path):
    base = kind.stirred(base_folder, FULL)
    save_model(base, tmp_path)
    model, info = kind.stock.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert type(model).__name__ == model.config.architectures[0]
    torch.testing.assert_close(kind.of_transformers(model), kind.numbers(base.network), **CLOSE)


def test_its_tokenizer_goes_with_it(base_folder, kind, tmp_path):
    base = kind.stirred(base_folder, FULL)
    save_model(base, tmp_path)
    text = "a quiet , lovely film"
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again(text)["input_ids"] == base.tokenizer(text)["input_ids"]


def test_what_was_saved_comes_back_bit_for_bit(base_folder, kind, tmp_path):
    base, other = kind.stirred(base_folder, FULL), kind.stirred(base_folder, FULL, seed=1)
    save_model(base, tmp_path)
    load_model(other.network, tmp_path)
    found, expected = other.network.state_dict(), base.network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_language_model_is_a_base_again(base_folder, text_kind, tmp_path):
    base = text_kind.stirred(base_folder, FULL)
    save_model(base, tmp_path)
    again = load_base(str(tmp_path), language_head=True)
    found, expected = text_kind.numbers(again.network), text_kind.numbers(base.network)
    # Weights that no longer train are multiplied by another library.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_tied_weights_train_as_one_and_stay_tied(gpt2_folder, text_kind, tmp_path):
    base, other = (text_kind.stirred(gpt2_folder, FULL, seed) for seed in (0, 1))
    assert "lm_head.weight" not in trained_parameters(base.network)
    save_model(base, tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    load_model(other.network, tmp_path)
    network = other.network
    assert network.lm_head.weight is network.get_parameter("transformer.wte.weight")
    stock = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert stock.lm_head.weight is stock.transformer.wte.weight


def test_untied_weights_train_apart(llama_folder, text_kind, tmp_path):
    base = text_kind.stirred(llama_folder, FULL)
    save_model(base, tmp_path)
    held = load_file(tmp_path / WEIGHTS)
    assert not torch.equal(held["lm_head.weight"], held["model.embed_tokens.weight"])


def test_the_numbers_are_float32(base_folder, kind, tmp_path):
    save_model(kind.stirred(base_folder, FULL), tmp_path)
    held = load_file(tmp_path / WEIGHTS).values()
    assert {tensor.dtype for tensor in held} == {torch.float32}
    assert kind.stock.from_pretrained(tmp_path).dtype == torch.float32


@pytest.mark.parametrize("model_type", ["phi", "no such type"])
def test_where_transformers_has_no_class_the_names_stay(llama_folder, model_type):
    network = load_base(str(llama_folder)).network
    network.add_module("qa_outputs", nn.Linear(16, 2))
    name = "model.layers.0.mlp.up_proj.weight"
    assert stock_name(network, name) == "transformer.layers.0.mlp.up_proj.weight"
    assert stock_name(network, "qa_outputs.weight") == "qa_outputs.weight"
    network.config.model_type = model_type
    assert stock_name(network, name) == name


def test_only_weights_that_are_stored_transposed_are_turned(gpt2_folder, llama_folder):
    network, tensor = load_base(str(gpt2_folder)).network, torch.arange(6.0).view(2, 3)
    name = "transformer.h.0.mlp.c_fc.weight"
    assert torch.equal(turned(network, name, tensor), tensor.T)
    assert turned(network, name, tensor).is_contiguous()
    for same in ("transformer.h.0.mlp.c_fc.lora_A", "transformer.wte.weight", "score.weight"):
        assert turned(network, same, tensor) is tensor
    other = load_base(str(llama_folder)).network
    assert turned(other, "model.layers.0.mlp.up_proj.weight", tensor) is tensor


def one_less(tensors, name):
    del tensors[name]


def one_more(tensors, name):
    tensors[f"{name}.more"] = torch.zeros(2)


def other_shape(tensors, name):
    tensors[name] = torch.zeros(3, 5)


def not_finite(tensors, name):
    tensors[name].view(-1)[0] = float("inf")


@pytest.mark.parametrize(
    ("damage", "error", "code"),
    [
        (one_less, ModelError, "ADAPTER-BASE"),
        (one_more, ModelError, "ADAPTER-BASE"),
        (other_shape, ModelError, "ADAPTER-BASE"),
        (not_finite, NumericsError, "ADAPTER-NAN"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(
    base_folder, kind, damage, error, code, tmp_path
):
    base = kind.stirred(base_folder, FULL)
    save_model(base, tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    damage(tensors, max(name for name in tensors if "mlp" in name and name.endswith("weight")))
    save_file(tensors, tmp_path / WEIGHTS)
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    with pytest.raises(error) as caught:
        load_model(base.network, tmp_path)
    assert caught.value.code == code
    assert str(tmp_path / WEIGHTS) in caught.value.at
    after = base.network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
