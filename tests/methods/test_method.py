"""What every method promises, for each of the table, on both layouts, with trained factors."""

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from loratory.errors import ConfigError
from loratory.methods.make import make_method
from loratory.methods.method import adapted_layers, merged, without
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base

CLOSE = {"rtol": 0, "atol": 1e-5}
MERGED = {"rtol": 0, "atol": 2e-5}


def trained(ours, case, *, steps=10, seed=0):
    """Return a base after a few steps of its method, and what it was before them."""
    base = ours.base(case.section, seed=seed)
    generator = torch.Generator().manual_seed(2)
    base.network.score.weight.data.normal_(std=0.5, generator=generator)
    before = {name: tensor.clone() for name, tensor in base.network.named_parameters()}
    parameters = trained_parameters(base.network)
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.02)
    for _ in range(steps):
        hidden = base.network(ours.batch)[ours.batch.read_at]
        (base.network.score(hidden) - 1).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return base, before


def test_ten_steps_change_everything_that_trains_and_not_one_bit_of_the_rest(ours, case):
    base, before = trained(ours, case)
    training = trained_parameters(base.network).keys()
    same = {
        name: torch.equal(tensor, before[name]) for name, tensor in base.network.named_parameters()
    }
    assert {name for name, is_same in same.items() if not is_same} == set(training)


def test_the_weights_of_the_base_train_only_where_that_is_said(ours, case):
    base = ours.base(case.section)
    own = dict(load_base(str(ours.folder)).network.named_parameters())
    trained_names = {name.replace(".base.", ".") for name in trained_parameters(base.network)}
    assert case.trains_base or not trained_names & own.keys()


def test_what_is_saved_comes_back_bit_for_bit(ours, case, tmp_path):
    base, _ = trained(ours, case)
    other = ours.base(case.section, seed=1)
    ours.save(base, tmp_path, case.section)
    ours.load(other, tmp_path, case.section)
    found, expected = (trained_parameters(each.network) for each in (other, base))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert torch.equal(ours.logits(other), ours.logits(base))


def test_merged_it_computes_the_same_and_comes_apart_bit_for_bit(ours, case):
    base, _ = trained(ours, case)
    if not case.merges:
        with pytest.raises(ConfigError) as caught:
            make_method(case.section).fold(base)
        assert caught.value.code == "CFG-MERGE"
        return
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    expected = ours.logits(base)
    with merged(base.network):
        assert not adapted_layers(base.network)
        torch.testing.assert_close(ours.logits(base), expected, **MERGED)
    after = base.network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    make_method(case.section).fold(base)
    assert not adapted_layers(base.network)
    torch.testing.assert_close(ours.logits(base), expected, **MERGED)


def test_taken_off_it_leaves_the_base(ours, case):
    base, _ = trained(ours, case)
    if case.trains_base or not adapted_layers(base.network):
        pytest.skip("nothing to take off")
    plain, read = load_base(str(ours.folder)).network, ours.batch.read_at
    with torch.no_grad(), without(base.network):
        assert torch.equal(base.network(ours.batch)[read], plain(ours.batch)[read])


def test_peft_computes_the_same_from_its_folder(ours, peft, case, tmp_path):
    base, _ = trained(ours, case)
    ours.save(base, tmp_path, case.section)
    if not case.in_peft:
        assert not (tmp_path / "adapter_config.json").exists()
        return
    model = PeftModel.from_pretrained(peft.stock, tmp_path).eval()
    torch.testing.assert_close(peft.logits(model), ours.logits(base), **CLOSE)


def test_a_model_of_its_own_is_one_for_transformers(ours, peft, case, tmp_path):
    if case.section.kind != "full":
        pytest.skip("not a model of its own")
    base, _ = trained(ours, case)
    ours.save(base, tmp_path, case.section)
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path, pad_token_id=319).eval()
    torch.testing.assert_close(peft.logits(stock), ours.logits(base), **CLOSE)
