"""PEFT's folder: its names and its settings; an adapter that is damaged, foreign or armed."""

import dataclasses
import json
import sys

import pytest
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from loratory.errors import ModelError, NumericsError, SecurityError
from loratory.methods.peft_folder import adapter_tensors, modules_of, peft_key
from loratory.methods.trained import trained_parameters

CONFIG, WEIGHTS, BASE = "adapter_config.json", "adapter_model.safetensors", "base.json"


@pytest.fixture
def saved(ours, tmp_path):
    """Return an adapter folder, to be damaged."""
    ours.save(ours.stirred(), tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize("use_dora", [False, True])
def test_the_keys_are_those_that_peft_writes(ours, peft, use_dora):
    settings = {"use_dora": use_dora, "target_modules": "all-linear"}
    network = ours.base(**settings).network
    config = LoraConfig(task_type="SEQ_CLS", fan_in_fan_out=ours.layout == "gpt2", **settings)
    expected = get_peft_model_state_dict(get_peft_model(peft.stock, config))
    found = {peft_key(network, name) for name in trained_parameters(network)}
    assert found == expected.keys()
    layers = {name.removesuffix(".lora_A") for name in trained_parameters(network)}
    assert set(modules_of(found, "lora_A.weight")) == layers & {*dict(network.named_modules())}


def test_a_bias_of_an_adapted_layer_has_the_key_that_peft_gives_it(gpt2):
    ours, peft = gpt2
    settings = {"target_modules": ["c_attn"], "bias": "all"}
    network = ours.base(**settings).network
    config = LoraConfig(task_type="SEQ_CLS", fan_in_fan_out=True, **settings)
    expected = get_peft_model_state_dict(get_peft_model(peft.stock, config))
    found = {peft_key(network, name) for name in trained_parameters(network)}
    assert found == expected.keys()
    assert any(key.endswith("c_attn.base_layer.bias") for key in found)


def test_the_configuration_holds_only_what_peft_knows(saved):
    config = json.loads((saved / CONFIG).read_text())
    assert config.keys() <= {field.name for field in dataclasses.fields(LoraConfig)}
    assert LoraConfig(**config).to_dict()["r"] == 8


def test_the_folder_says_which_base_it_is_for(saved, ours):
    assert json.loads((saved / BASE).read_text()) == {"sha256": ours.base().digest}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": "0"}', "[" * 100_000], ids=repr)
def test_a_folder_of_another_base_is_refused(saved, ours, text):
    (saved / BASE).write_text(text)
    with pytest.raises(ModelError) as caught:
        ours.load(ours.base(), saved)
    assert (caught.value.code, caught.value.at) == ("ADAPTER-BASE", str(saved / BASE))


def test_the_same_adapter_is_the_same_bytes(saved, ours, tmp_path):
    ours.save(ours.stirred(), tmp_path / "again")
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def set_config(folder, **fields):
    path = folder / CONFIG
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
    base, before = ours.base(), set(sys.modules)
    with pytest.raises(SecurityError) as caught:
        ours.load(base, saved)
    error, (field,) = caught.value, fields
    assert (error.code, error.exit_code) == ("SEC-IMPORT", 6)
    assert error.at == str(saved / CONFIG)
    assert repr(field) in error.problem
    assert set(sys.modules) == before


OTHER_METHODS = [
    {"peft_type": "IA3"},
    {"r": 4},
    {"lora_alpha": 8},
    {"r": None},
    {"use_rslora": True},
    {"use_dora": True},
    {"use_qalora": True},
    {"rank_pattern": {"c_attn": 4}},
    {"alpha_pattern": {"c_attn": 4}},
]


@pytest.mark.parametrize("fields", OTHER_METHODS, ids=str)
def test_an_update_that_means_something_else_is_refused(saved, ours, fields):
    set_config(saved, **fields)
    with pytest.raises(ModelError) as caught:
        ours.load(ours.base(), saved)
    error = caught.value
    assert (error.code, error.exit_code) == ("ADAPTER-METHOD", 8)
    assert error.at == str(saved / CONFIG)
    assert all(error.got.get(name) == value for name, value in fields.items())


@pytest.mark.parametrize(
    ("settings", "other"),
    [
        ({"use_dora": True}, {}),
        ({"use_rslora": True}, {}),
        ({"init_lora_weights": "pissa"}, {}),
        ({"alpha_pattern": {r".*\.0\..*": 4.0}}, {}),
        ({"rank_pattern": {r".*\.0\..*": 4}}, {"rank_pattern": {r".*\.0\..*": 3}}),
        ({}, {"use_dora": True}),
        ({}, {"init_lora_weights": "pissa"}),
    ],
)
def test_an_update_of_another_variant_is_refused(ours, settings, other, tmp_path):
    ours.save(ours.stirred(**settings), tmp_path, **settings)
    with pytest.raises(ModelError, match="ADAPTER-METHOD"):
        ours.load(ours.base(**other), tmp_path, **other)


def test_settings_that_say_the_same_in_another_way_are_the_same(saved, ours):
    set_config(saved, r=8.0, lora_alpha=16, rank_pattern={}, use_dora=False, peft_version="0.99")
    base, expected = ours.base(), trained_parameters(ours.stirred().network)
    ours.load(base, saved)
    found = trained_parameters(base.network)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("text", [None, "", "{", "7", "[1]", '"text"', "[" * 100_000], ids=repr)
def test_a_configuration_that_cannot_be_read_is_an_error(saved, ours, text):
    path = saved / CONFIG
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError) as caught:
        ours.load(ours.base(), saved)
    assert (caught.value.code, caught.value.at) == ("ADAPTER-FILE", str(path))


def test_a_pickled_adapter_is_never_opened(saved, ours):
    (saved / WEIGHTS).unlink()
    (saved / "adapter_model.bin").symlink_to(saved)  # opening it would be another error
    with pytest.raises(SecurityError) as caught:
        ours.load(ours.base(), saved)
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
    path = saved / WEIGHTS
    damage(path)
    with pytest.raises(ModelError) as caught:
        ours.load(ours.base(), saved)
    assert (caught.value.code, caught.value.at) == ("MODEL-FORMAT", str(path))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_counted_and_placed(saved, ours, value):
    path = saved / WEIGHTS
    tensors = load_file(path)
    name = sorted(tensors)[2]
    tensors[name].view(-1)[3:6] = value
    save_file(tensors, path)
    base = ours.base()
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    with pytest.raises(NumericsError, match="has 3 values that are not finite") as caught:
        ours.load(base, saved)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("ADAPTER-NAN", 7, f"{path}, {name}")
    after = base.network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_an_adapter_of_another_base_is_told_by_its_digest(gpt2, llama, tmp_path):
    gpt2[0].save(gpt2[0].stirred(), tmp_path)
    with pytest.raises(ModelError, match="trained on another base") as caught:
        llama.load(llama.base(), tmp_path)
    error = caught.value
    assert (error.code, error.exit_code) == ("ADAPTER-BASE", 8)
    assert error.at == str(tmp_path / BASE)
    assert (error.got, error.expected) == (llama.base().digest, gpt2[0].base().digest)


def test_without_a_digest_it_is_told_by_its_names(gpt2, llama, tmp_path):
    gpt2[0].save(gpt2[0].stirred(), tmp_path)
    (tmp_path / BASE).unlink()
    with pytest.raises(ModelError, match="do not match") as caught:
        llama.load(llama.base(), tmp_path)
    error = caught.value
    assert (error.code, error.exit_code) == ("ADAPTER-BASE", 8)
    assert error.at == str(tmp_path / WEIGHTS)


def test_an_adapter_without_a_digest_passes(saved, ours):
    before = load_file(saved / WEIGHTS)
    (saved / BASE).unlink()
    base = ours.base(seed=1)
    ours.load(base, saved)
    assert torch.equal(ours.logits(base), ours.logits(ours.stirred()))
    assert adapter_tensors(base, saved).keys() == before.keys()


@pytest.mark.parametrize("change", ["one more", "one less"])
def test_other_names_are_told_as_the_file_has_them(saved, ours, change):
    path = saved / WEIGHTS
    tensors = load_file(path)
    name = min(name for name in tensors if "lora_A" in name)
    if change == "one more":
        name = name.replace("lora_A", "lora_C")
        tensors[name] = torch.zeros(3)
    else:
        del tensors[name]
    save_file(tensors, path)
    with pytest.raises(ModelError, match="1 tensors of the adapter and of the network") as caught:
        ours.load(ours.base(), saved)
    assert (caught.value.code, caught.value.got) == ("ADAPTER-BASE", name)


def test_an_adapter_of_other_sizes_is_refused_with_both_shapes(saved, ours):
    path = saved / WEIGHTS
    tensors = load_file(path)
    name = min(name for name in tensors if "lora_A" in name)
    expected = list(tensors[name].shape)
    tensors[name] = torch.zeros(8, 17)
    save_file(tensors, path)
    with pytest.raises(ModelError) as caught:
        ours.load(ours.base(), saved)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("ADAPTER-BASE", 8, f"{path}, {name}")
    assert (error.got, error.expected) == ([8, 17], str(expected))
