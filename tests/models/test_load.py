"""Loading a base: the folder's weights in frozen linear layers, or an error with its place."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer
from transformers.pytorch_utils import Conv1D

from loratory.errors import ModelError
from loratory.models.load import load_base, load_tokenizer

TEXT = "an utterly charming and moving story"


def test_every_weight_is_the_folders_bit_for_bit(base_folder):
    network = load_base(str(base_folder)).network
    backbone = network.get_submodule(network.prefix)
    across = {f"{name.removeprefix(f'{network.prefix}.')}.weight" for name in network.transposed}
    stock = AutoModel.from_pretrained(base_folder).state_dict()
    found = backbone.state_dict()
    assert found.keys() == stock.keys()
    assert across <= found.keys()
    for name, weight in stock.items():
        assert torch.equal(found[name].T if name in across else found[name], weight)


def test_every_projection_is_a_linear_layer(base_folder):
    network = load_base(str(base_folder)).network
    assert not any(isinstance(layer, Conv1D) for layer in network.modules())
    assert sum(isinstance(layer, nn.Linear) for layer in network.modules()) in {2 * 4, 2 * 7}


def test_nothing_trains_and_nothing_is_dropped_out(copied, set_field):
    dropouts = ("attn_pdrop", "embd_pdrop", "resid_pdrop", "attention_dropout")
    set_field(copied / "config.json", **dict.fromkeys(dropouts, 0.5))
    network = load_base(str(copied)).network.train()
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module.p for module in network.modules() if isinstance(module, nn.Dropout))
    assert all(getattr(network.config, name, 0.0) == 0.0 for name in dropouts)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_the_weights_have_the_precision_asked_for(base_folder, dtype):
    network = load_base(str(base_folder), dtype=dtype).network
    assert {parameter.dtype for parameter in network.parameters()} == {dtype}


def test_weights_in_many_files_are_the_weights_in_one(copied, base_folder):
    for path in copied.glob("*.safetensors"):
        path.unlink()
    stock = AutoModelForCausalLM.from_pretrained(base_folder)
    stock.save_pretrained(copied, max_shard_size="12KB")
    assert len(list(copied.glob("*.safetensors"))) > 2
    one, many = (load_base(str(folder)).network.state_dict() for folder in (base_folder, copied))
    assert all(torch.equal(one[name], many[name]) for name in one)


def test_the_tokenizer_is_the_folders(base_folder):
    expected = AutoTokenizer.from_pretrained(base_folder)(TEXT)["input_ids"]
    assert load_base(str(base_folder)).tokenizer(TEXT)["input_ids"] == expected
    assert load_tokenizer(str(base_folder))[0](TEXT)["input_ids"] == expected


def test_positions_are_what_the_configuration_says(base_folder, folder_of):
    assert load_base(str(base_folder)).positions == 64
    assert load_tokenizer(str(base_folder))[1] == 64
    assert load_base(str(folder_of("mpt"))).positions == 48


@pytest.mark.parametrize("kind", ["bloom", "mamba"])
def test_a_network_without_a_table_of_positions_reads_texts_of_any_length(folder_of, kind):
    assert load_base(str(folder_of(kind))).positions > 10**9


def test_the_digest_is_of_configuration_tokenizer_and_weights(copied, set_field):
    digests = [load_base(str(copied)).digest]
    assert load_base(str(copied)).digest == digests[0]
    set_field(copied / "config.json", initializer_range=0.03)
    digests.append(load_base(str(copied)).digest)
    set_field(copied / "tokenizer_config.json", model_max_length=77)
    digests.append(load_base(str(copied)).digest)
    change_weights(copied, lambda weights: next(iter(weights.values())).add_(1e-3))
    digests.append(load_base(str(copied)).digest)
    assert len(set(digests)) == 4


def change_weights(folder, change):
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize("kind", ["my_own", "t5", None, 7, ["gpt2"]], ids=str)
def test_an_architecture_that_transformers_does_not_know_is_refused(copied, set_field, kind):
    set_field(copied / "config.json", model_type=kind)
    for load in (load_base, load_tokenizer):
        with pytest.raises(ModelError) as caught:
            load(str(copied))
        error = caught.value
        assert (error.code, error.exit_code) == ("MODEL-ARCH", 8)
        assert (error.at, error.got) == (str(copied / "config.json"), kind)


def test_a_vocabulary_above_the_embedding_is_refused(copied):
    tokenizer = AutoTokenizer.from_pretrained(copied)
    tokenizer.add_tokens([f"<new {number}>" for number in range(320)])
    tokenizer.save_pretrained(copied)
    with pytest.raises(ModelError) as caught:
        load_base(str(copied))
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("MODEL-VOCAB", 8, str(copied))
    assert f"the tokenizer has {len(tokenizer):,} ids, the model 320" in error.problem


def test_a_missing_weight_is_never_made_up(copied):
    change_weights(copied, lambda weights: weights.pop(sorted(weights)[3]))
    with pytest.raises(ModelError, match=r"MODEL-FORMAT.*1 of its weights are missing") as caught:
        load_base(str(copied))
    assert caught.value.at == str(copied)


def test_a_weight_of_another_shape_is_named(copied):
    names = json.loads((copied / "config.json").read_text())
    name = "transformer.ln_f.weight" if names["model_type"] == "gpt2" else "model.norm.weight"
    change_weights(copied, lambda weights: weights.update({name: torch.ones(5)}))
    with pytest.raises(ModelError) as caught:
        load_base(str(copied))
    error = caught.value
    assert (error.code, error.exit_code, error.got) == ("MODEL-FORMAT", 8, [5])
    assert name.partition(".")[2] in error.problem
    assert "[16]" in error.problem


WRONG_SETTINGS = [
    {"num_hidden_layers": "two", "n_layer": "two"},
    {"num_attention_heads": 0, "n_head": 0},
    {"hidden_act": "no such thing", "activation_function": "no such thing"},
    {"dtype": "no such thing"},
]


def test_a_base_in_whole_numbers_is_refused(copied, set_field):
    set_field(copied / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(ModelError, match="only whole ones can be tuned") as caught:
        load_base(str(copied))
    assert (caught.value.code, caught.value.at) == ("MODEL-QUANT", str(copied))


@pytest.mark.parametrize("settings", WRONG_SETTINGS, ids=lambda settings: next(iter(settings)))
def test_whatever_breaks_transformers_is_an_error_that_names_the_folder(
    copied, set_field, settings
):
    set_field(copied / "config.json", **settings)
    with pytest.raises(ModelError, match="transformers cannot read it") as caught:
        load_base(str(copied))
    assert (caught.value.code, caught.value.at) == ("MODEL-FORMAT", str(copied))


@pytest.mark.parametrize("text", [None, "", "{", "{}", "[]"], ids=str)
def test_a_tokenizer_that_cannot_be_read_is_an_error(copied, text):
    for path in copied.glob("token*"):
        path.unlink()
    if text is not None:
        (copied / "tokenizer.json").write_text(text)
    for load in (load_base, load_tokenizer):
        with pytest.raises(ModelError) as caught:
            load(str(copied))
        error = caught.value
        assert (error.code, error.exit_code, error.at) == ("MODEL-TOKENIZER", 8, str(copied))
        assert "tokenizer.json" in error.fix
