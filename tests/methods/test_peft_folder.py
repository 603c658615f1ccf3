"""The adapter folder: PEFT reads ours, we read PEFT's, with equal logits; the rest is refused."""

import dataclasses
import json
import sys

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from loratory.errors import ModelError, NumericsError, SecurityError
from loratory.methods.peft_folder import load_adapter, save_adapter
from loratory.recipe.schema import LoraMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
TARGETS = {
    "gpt2": {
        "all": "all-linear",
        "endings": ["c_attn", "mlp.c_proj"],
        "expression": r"transformer\.h\.1\..*c_(proj|fc)",
    },
    "llama": {
        "all": "all-linear",
        "endings": ["q_proj", "v_proj", "mlp.down_proj"],
        "expression": r"model\.layers\.1\..*(gate|up|o)_proj",
    },
}


@pytest.fixture(params=["all", "endings", "expression"])
def targets(ours, request):
    return TARGETS[ours.layout][request.param]


@pytest.fixture
def saved(ours, tmp_path):
    """Return an adapter folder, to be damaged."""
    ours.save(ours.stirred(), tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize("r", [1, 4, 8])
def test_peft_loads_ours_with_equal_logits(ours, peft, targets, r, tmp_path):
    settings = {"r": r, "lora_alpha": 3.0 * r + 1, "target_modules": targets}
    network = ours.stirred(**settings)
    ours.save(network, tmp_path, **settings)
    found = peft.logits(peft.loaded(tmp_path))
    torch.testing.assert_close(found, ours.logits(network), **CLOSE)


@pytest.mark.parametrize("r", [1, 4, 8])
def test_we_load_pefts_with_equal_logits(ours, peft, targets, r, tmp_path):
    settings = {"r": r, "lora_alpha": 3 * r + 1, "target_modules": targets}
    model = peft.trained(**settings, fan_in_fan_out=ours.layout == "gpt2")
    model.save_pretrained(tmp_path)
    network = ours.network(**settings)
    load_adapter(network, LoraMethod(**settings), tmp_path)
    torch.testing.assert_close(ours.logits(network), peft.logits(model), **CLOSE)


@pytest.mark.parametrize("which", ["all", "endings", "expression", "in full"])
def test_peft_loads_an_adapter_of_every_head(base_folder, kind, which, tmp_path):
    layout = "gpt2" if "gpt2" in base_folder.name else "llama"
    norm = [{"gpt2": "ln_f", "llama": "model.norm"}[layout]]
    settings = {"modules_to_save": norm} if which == "in full" else {}
    targets = TARGETS[layout].get(which, "all-linear")
    method = LoraMethod(target_modules=targets, **settings)
    base, other = (kind.stirred(base_folder, method, seed) for seed in (0, 1))
    heads = (kind.head,) if kind.head else ()
    save_adapter(base.network, method, tmp_path, base=str(base_folder), heads=heads)
    labels = {"num_labels": 3} if kind.head == "score" else {}
    stock = kind.stock.from_pretrained(base_folder, **labels)
    if kind.head == "qa_outputs":
        # Llama's class for questions looks for its backbone under a name that no base gives it.
        setattr(stock, stock.base_model_prefix, AutoModel.from_pretrained(base_folder))
    model = PeftModel.from_pretrained(stock, tmp_path)
    torch.testing.assert_close(kind.of_transformers(model), kind.numbers(base.network), **CLOSE)
    load_adapter(other.network, method, tmp_path)
    assert torch.equal(kind.numbers(other.network), kind.numbers(base.network))


TRAINED_IN_FULL = [
    {"gpt2": "ln_f", "llama": "norm"},
    {"gpt2": "attn.c_proj", "llama": "o_proj"},
    {"gpt2": "wte", "llama": "embed_tokens"},
    {"gpt2": "mlp", "llama": "mlp"},
]


@pytest.mark.parametrize("module", TRAINED_IN_FULL, ids=lambda module: module["llama"])
def test_modules_trained_in_full_go_to_peft_and_come_back(ours, peft, module, tmp_path):
    settings = {
        "target_modules": [{"gpt2": "c_attn", "llama": "q_proj"}[ours.layout]],
        "modules_to_save": [module[ours.layout]],
    }
    network = ours.stirred(**settings)
    ours.save(network, tmp_path, **settings)
    torch.testing.assert_close(peft.logits(peft.loaded(tmp_path)), ours.logits(network), **CLOSE)
    again = ours.network(seed=1, **settings)
    load_adapter(again, LoraMethod(**settings), tmp_path)
    assert torch.equal(ours.logits(again), ours.logits(network))


def test_a_layer_that_peft_trained_in_full_is_loaded_in_our_layout(gpt2, tmp_path):
    ours, peft = gpt2
    settings = {"r": 8, "lora_alpha": 16, "target_modules": ["c_attn"]}
    model = peft.trained(**settings, modules_to_save=["score", "c_fc"], fan_in_fan_out=True)
    model.save_pretrained(tmp_path)
    network = ours.network(**settings, modules_to_save=["c_fc"])
    load_adapter(network, LoraMethod(**settings), tmp_path)
    torch.testing.assert_close(ours.logits(network), peft.logits(model), **CLOSE)


def test_loading_restores_every_bit(saved, ours):
    network, original = ours.network(seed=1), ours.stirred()
    load_adapter(network, LoraMethod(), saved)
    found, expected = network.state_dict(), original.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_configuration_holds_only_what_peft_knows(saved):
    config = json.loads((saved / "adapter_config.json").read_text())
    assert config.keys() <= {field.name for field in dataclasses.fields(LoraConfig)}
    assert LoraConfig(**config).to_dict()["r"] == 8


def set_config(folder, **fields):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


IMPORTS = [
    {"auto_mapping": {"parent_library": "os", "base_model_class": "system"}},
    {"megatron_core": "os.path"},
    {"megatron_config": {"hidden_size": 16}},
    {"auto_mapping": {}},
]


@pytest.mark.parametrize("fields", IMPORTS, ids=str)
def test_an_adapter_that_would_import_code_is_refused(saved, ours, fields):
    set_config(saved, **fields)
    network, before = ours.network(), set(sys.modules)
    with pytest.raises(SecurityError) as caught:
        load_adapter(network, LoraMethod(), saved)
    error, (field,) = caught.value, fields
    assert (error.code, error.exit_code) == ("SEC-IMPORT", 6)
    assert error.at == str(saved / "adapter_config.json")
    assert repr(field) in error.problem
    assert set(sys.modules) == before


OTHER_METHODS = [
    {"r": 4},
    {"lora_alpha": 8},
    {"r": None},
    {"use_rslora": True},
    {"use_dora": True},
    {"alpha_pattern": {"c_attn": 4}},
]


@pytest.mark.parametrize("fields", OTHER_METHODS, ids=str)
def test_an_update_that_means_something_else_is_refused(saved, ours, fields):
    set_config(saved, **fields)
    with pytest.raises(ModelError) as caught:
        load_adapter(ours.network(), LoraMethod(), saved)
    error = caught.value
    assert (error.code, error.exit_code) == ("ADAPTER-METHOD", 8)
    assert error.at == str(saved / "adapter_config.json")
    assert error.got.items() >= fields.items()


@pytest.mark.parametrize("text", [None, "", "{", "7", "[1]", '"text"', "[" * 100_000], ids=repr)
def test_a_configuration_that_cannot_be_read_is_an_error(saved, ours, text):
    path = saved / "adapter_config.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError) as caught:
        load_adapter(ours.network(), LoraMethod(), saved)
    assert (caught.value.code, caught.value.at) == ("ADAPTER-FILE", str(path))


def test_a_pickled_adapter_is_never_opened(saved, ours):
    (saved / "adapter_model.safetensors").unlink()
    (saved / "adapter_model.bin").symlink_to(saved)  # opening it would be another error
    with pytest.raises(SecurityError) as caught:
        load_adapter(ours.network(), LoraMethod(), saved)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("MODEL-FORMAT", 6, str(saved))
    assert "adapter_model.bin" in error.problem


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-9])


def named_twice(path):
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    first = next(name for name in header if name != "__metadata__")
    text = f'{{"{first}": {json.dumps(header[first])}, '.encode() + json.dumps(header).encode()[1:]
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])


@pytest.mark.parametrize("damage", [cut_short, named_twice, lambda path: path.unlink()])
def test_a_damaged_weight_file_is_named(saved, ours, damage):
    path = saved / "adapter_model.safetensors"
    damage(path)
    with pytest.raises(ModelError) as caught:
        load_adapter(ours.network(), LoraMethod(), saved)
    assert (caught.value.code, caught.value.at) == ("MODEL-FORMAT", str(path))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_counted_and_placed(saved, ours, value):
    path = saved / "adapter_model.safetensors"
    tensors = load_file(path)
    name = sorted(tensors)[2]
    tensors[name].view(-1)[3:6] = value
    save_file(tensors, path)
    network = ours.network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(NumericsError, match="has 3 values that are not finite") as caught:
        load_adapter(network, LoraMethod(), saved)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("ADAPTER-NAN", 7, f"{path}, {name}")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_an_adapter_of_another_architecture_is_refused(gpt2, llama, tmp_path):
    gpt2[0].save(gpt2[0].stirred(), tmp_path)
    with pytest.raises(ModelError, match="do not match") as caught:
        load_adapter(llama.network(), LoraMethod(), tmp_path)
    error = caught.value
    assert (error.code, error.exit_code) == ("ADAPTER-BASE", 8)
    assert error.at == str(tmp_path / "adapter_model.safetensors")


def test_an_adapter_of_other_sizes_is_refused_with_both_shapes(saved, ours):
    path = saved / "adapter_model.safetensors"
    tensors = load_file(path)
    name = min(name for name in tensors if "lora_A" in name)
    expected = list(tensors[name].shape)
    tensors[name] = torch.zeros(8, 17)
    save_file(tensors, path)
    with pytest.raises(ModelError) as caught:
        load_adapter(ours.network(), LoraMethod(), saved)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("ADAPTER-BASE", 8, f"{path}, {name}")
    assert (error.got, error.expected) == ([8, 17], str(expected))
