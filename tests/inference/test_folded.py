"""An adapter in the weights: the same answers, and afterwards the same network, bit for bit."""

import pytest
import torch

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.inference.folded import fold_for_good, folded
from loratory.methods.make import make_method
from loratory.methods.method import adapted_layers
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import BottleneckMethod, Ia3Method, LoraMethod

MANY = 10_000
MERGED = {"lora": LoraMethod(r=4), "dora": LoraMethod(r=4, use_dora=True), "ia3": Ia3Method()}
BATCH = flatten([EncodedRow((tuple(range(40)),), (3, 39), (0, 0))])


def adapted(folder, method, dtype=torch.float32):
    base, generator = load_base(str(folder), dtype=dtype), torch.Generator().manual_seed(0)
    make_method(method).apply(base, generator)
    for parameter in trained_parameters(base.network).values():
        parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return base.network.eval()


@torch.no_grad()
def read(network):
    return network(BATCH)[BATCH.read_at]


@pytest.mark.parametrize("method", MERGED.values(), ids=MERGED.keys())
def test_many_tokens_are_computed_without_layers_beside_and_all_is_put_back(base_folder, method):
    network = adapted(base_folder, method)
    before, layers = read(network), adapted_layers(network)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with folded(network, tokens=MANY):
        assert not adapted_layers(network)
        torch.testing.assert_close(read(network), before, rtol=1e-4, atol=1e-5)
    assert adapted_layers(network) == layers
    assert torch.equal(read(network), before)
    assert all(torch.equal(tensor, weights[n]) for n, tensor in network.state_dict().items())


def test_a_few_tokens_are_not_worth_it(base_folder):
    network = adapted(base_folder, MERGED["lora"])
    with folded(network, tokens=100):
        assert adapted_layers(network)


def test_what_no_weight_can_hold_stays_beside(base_folder):
    network = adapted(base_folder, BottleneckMethod(bottleneck_size=4))
    before = read(network)
    with folded(network, tokens=MANY):
        assert torch.equal(read(network), before)
    fold_for_good(network)
    assert torch.equal(read(network), before)


def test_a_narrower_format_would_round_the_update_away(base_folder):
    network = adapted(base_folder, MERGED["lora"], dtype=torch.bfloat16)
    with folded(network, tokens=MANY):
        assert adapted_layers(network)


def test_for_good_nothing_of_the_adapter_is_left(base_folder):
    network = adapted(base_folder, MERGED["lora"])
    before = read(network)
    fold_for_good(network)
    assert not adapted_layers(network)
    assert not trained_parameters(network)
    torch.testing.assert_close(read(network), before, rtol=1e-4, atol=1e-5)


def test_what_failed_within_puts_the_adapter_back_too(base_folder):
    network = adapted(base_folder, MERGED["lora"])
    layers = adapted_layers(network)
    with pytest.raises(KeyError), folded(network, tokens=MANY):
        raise KeyError
    assert adapted_layers(network) == layers
