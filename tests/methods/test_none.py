"""No method: nothing of the base trains, and what is saved are the heads, or nothing."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from loratory.methods import none
from loratory.methods.trained import parameter_counts, trained_parameters
from loratory.models.load import load_base


def applied(folder, *, head, language_head=False):
    network = load_base(str(folder), language_head=language_head).network
    network.requires_grad_(requires_grad=True)
    none.apply(network)
    if head:
        network.add_module("score", nn.Linear(16, 3, bias=False))
    return network


@pytest.mark.parametrize("language_head", [True, False])
def test_nothing_of_the_base_trains(base_folder, language_head):
    network = applied(base_folder, head=False, language_head=language_head)
    assert trained_parameters(network) == {}
    assert parameter_counts(network)[0] == 0


def test_a_head_trains_is_saved_and_comes_back(base_folder, tmp_path):
    network, other = (applied(base_folder, head=True) for _ in range(2))
    none.save_heads(network, tmp_path / "new")
    assert load_file(tmp_path / "new" / "heads.safetensors").keys() == {"score.weight"}
    none.load_heads(other, tmp_path / "new")
    assert torch.equal(other.score.weight, network.score.weight)


def test_no_head_is_saved_as_nothing_and_comes_back_as_nothing(base_folder, tmp_path):
    network = applied(base_folder, head=False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    none.save_heads(network, tmp_path)
    assert load_file(tmp_path / "heads.safetensors") == {}
    none.load_heads(network, tmp_path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_heads_for_a_network_without_them_are_refused(base_folder, tmp_path):
    none.save_heads(applied(base_folder, head=True), tmp_path)
    with pytest.raises(KeyError, match="not the same tensors"):
        none.load_heads(applied(base_folder, head=False), tmp_path)
