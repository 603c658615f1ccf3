"""BitFit: every bias of the base trains and nothing else; where there is none, one is added."""

import pytest
import torch

from loratory.errors import ConfigError
from loratory.methods.bias_layer import BiasedLinear
from loratory.methods.bitfit import Bitfit
from loratory.methods.targets import target_names
from loratory.methods.trained import parameter_counts, trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import BitfitMethod


def applied(folder, **settings):
    base = load_base(str(folder), language_head=True)
    Bitfit(BitfitMethod(**settings)).apply(base, torch.Generator())
    return base.network


@pytest.mark.parametrize("missing", ["refuse", "add"])
def test_the_biases_of_gpt2_train_those_of_its_norms_included(gpt2_folder, missing):
    network = applied(gpt2_folder, missing_biases=missing)
    block = [
        *("ln_1", "attn.c_attn", "attn.c_proj"),
        *("ln_2", "mlp.c_fc", "mlp.c_proj"),
    ]
    expected = {f"transformer.h.{number}.{part}.bias" for number in (0, 1) for part in block}
    assert trained_parameters(network).keys() == expected | {"transformer.ln_f.bias"}
    # A norm has 16, and so have attention's and the block's last layers; c_attn 48 and c_fc 64.
    assert parameter_counts(network)[0] == 2 * (4 * 16 + 48 + 64) + 16
    assert not any(isinstance(module, BiasedLinear) for module in network.modules())


def test_a_base_without_biases_is_refused_with_the_way_out(llama_folder):
    with pytest.raises(ConfigError, match="no layer of a base of type llama has a bias") as caught:
        applied(llama_folder)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("CFG-METHOD", 2, "method.kind")
    assert error.got == "bitfit"
    assert "method.missing_biases=add" in error.fix


def test_each_linear_layer_of_llama_is_given_one_where_that_is_said(llama_folder):
    own = load_base(str(llama_folder), language_head=True).network
    network = applied(llama_folder, missing_biases="add")
    names = target_names(own, "all-linear")
    assert len(names) == 14
    assert trained_parameters(network).keys() == {f"{name}.bias" for name in names}
    assert all(not parameter.any() for parameter in trained_parameters(network).values())


@torch.no_grad()
def test_it_starts_as_the_base(ours):
    network = applied(ours.folder, missing_biases="add")
    own = load_base(str(ours.folder), language_head=True).network
    read = ours.batch.read_at
    found, expected = network(ours.batch)[read], own(ours.batch)[read]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_one_bias_anywhere_is_enough_and_none_is_added(llama_folder):
    base = load_base(str(llama_folder))
    base.network.model.layers[1].mlp.up_proj.bias = torch.nn.Parameter(torch.zeros(24))
    Bitfit(BitfitMethod()).apply(base, torch.Generator())
    assert trained_parameters(base.network).keys() == {"model.layers.1.mlp.up_proj.bias"}
