"""No method: nothing trains, and nothing is saved."""

import pytest
import torch

from loratory.methods.none import Nothing
from loratory.methods.trained import parameter_counts, trained_parameters
from loratory.models.load import load_base


def applied(folder, *, language_head=False):
    base = load_base(str(folder), language_head=language_head)
    base.network.requires_grad_(requires_grad=True)
    Nothing().apply(base, torch.Generator())
    return base


@pytest.mark.parametrize("language_head", [True, False])
def test_nothing_trains(base_folder, language_head):
    network = applied(base_folder, language_head=language_head).network
    assert trained_parameters(network) == {}
    assert parameter_counts(network)[0] == 0


def test_the_folder_is_made_and_empty_and_comes_back_as_nothing(base_folder, tmp_path):
    base = applied(base_folder)
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    Nothing().save(base, tmp_path / "new" / "adapter", heads=())
    assert list((tmp_path / "new" / "adapter").iterdir()) == []
    Nothing().load(base, tmp_path / "new" / "adapter")
    after = base.network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_folded_it_is_the_base(base_folder):
    base = applied(base_folder)
    names = [name for name, _ in base.network.named_modules()]
    Nothing().fold(base)
    assert [name for name, _ in base.network.named_modules()] == names
