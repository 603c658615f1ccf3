"""A linear probe: nothing of the base trains, and the head that a task adds does."""

import torch
from safetensors.torch import load_file

from loratory.methods.head import Head
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import HeadMethod


def test_nothing_of_the_base_trains(base_folder):
    base = load_base(str(base_folder))
    base.network.requires_grad_(requires_grad=True)
    Head().apply(base, torch.Generator())
    assert trained_parameters(base.network) == {}


def test_the_head_trains_is_saved_and_comes_back(ours, tmp_path):
    base, other = ours.stirred(HeadMethod()), ours.base(HeadMethod(), seed=1)
    assert trained_parameters(base.network).keys() == {"score.weight"}
    ours.save(base, tmp_path / "new", HeadMethod())
    (written,) = (tmp_path / "new").iterdir()
    assert load_file(written).keys() == {"score.weight"}
    ours.load(other, tmp_path / "new", HeadMethod())
    assert torch.equal(other.network.score.weight, base.network.score.weight)
    assert torch.equal(ours.logits(other), ours.logits(base))
