"""From the recipe's method to a network that trains what it says, and back out of a folder."""

import pytest
import torch
from torch import nn

from loratory.methods.apply import apply_method, load_saved, save_trained
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import LoraMethod

METHODS = {
    "everything": LoraMethod(r=2),
    "one layer": LoraMethod(r=3, lora_alpha=5, target_modules=r".*\.1\..*", lora_dropout=0.5),
    "attention": LoraMethod(r=4, target_modules=r".*attn.*"),
}


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


def applied(folder, method, seed):
    network, generator = load_base(str(folder)).network, torch.Generator().manual_seed(seed)
    apply_method(network, method, generator)
    network.add_module("score", nn.Linear(16, 2, bias=False))
    return network


def test_what_is_saved_is_what_trains_and_comes_back_bit_for_bit(base_folder, method, tmp_path):
    network, other = (applied(base_folder, method, seed) for seed in (1, 2))
    for parameter in trained_parameters(network).values():
        parameter.data.normal_()
    save_trained(network, method, tmp_path, base="any", heads=("score",))
    load_saved(other, method, tmp_path)
    expected, found = trained_parameters(network), trained_parameters(other)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_base_is_frozen_and_something_trains(base_folder, method):
    network = applied(base_folder, method, 0)
    base = {name for name, _ in load_base(str(base_folder)).network.named_parameters()}
    trained = trained_parameters(network).keys()
    assert trained
    assert not trained & base
