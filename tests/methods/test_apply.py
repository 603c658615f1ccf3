"""From the recipe's method to a network that trains what it says, and back out of a folder."""

import pytest
import torch
from torch import nn

from loratory.methods.apply import apply_method, load_saved, save_trained
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import FullMethod, LoraMethod, NoMethod

METHODS = {
    "everything": LoraMethod(r=2),
    "one layer": LoraMethod(r=3, lora_alpha=5, target_modules=r".*\.1\..*", lora_dropout=0.5),
    "attention": LoraMethod(r=4, target_modules=r".*attn.*"),
    "full": FullMethod(),
    "none": NoMethod(),
}


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


def applied(folder, method, seed):
    base, generator = load_base(str(folder)), torch.Generator().manual_seed(seed)
    apply_method(base.network, method, generator)
    base.network.add_module("score", nn.Linear(16, 2, bias=False))
    return base


def test_what_is_saved_is_what_trains_and_comes_back_bit_for_bit(base_folder, method, tmp_path):
    base, other = (applied(base_folder, method, seed) for seed in (1, 2))
    for parameter in trained_parameters(base.network).values():
        parameter.data.normal_()
    save_trained(base, method, tmp_path, heads=("score",))
    load_saved(other.network, method, tmp_path)
    expected, found = trained_parameters(base.network), trained_parameters(other.network)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_head_trains_whatever_the_method(base_folder, method):
    assert "score.weight" in trained_parameters(applied(base_folder, method, 0).network)


def test_the_base_trains_in_full_or_not_at_all(base_folder, method):
    network = applied(base_folder, method, 0).network
    base = {name for name, _ in load_base(str(base_folder)).network.named_parameters()}
    trained = trained_parameters(network).keys()
    assert trained & base == (base if isinstance(method, FullMethod) else set())
    assert bool(trained - base - {"score.weight"}) == isinstance(method, LoraMethod)


def test_only_an_adapter_names_its_base(base_folder, method, tmp_path):
    save_trained(applied(base_folder, method, 0), method, tmp_path, heads=("score",))
    config = tmp_path / "adapter_config.json"
    assert config.is_file() == isinstance(method, LoraMethod)
    assert not config.is_file() or str(base_folder) in config.read_text()
