"""Bottleneck adapters: which layers get one, how wide, and what the adapted network computes."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.func import functional_call

from loratory.errors import ConfigError
from loratory.methods.bottleneck_layer import Bottleneck, add_bottlenecks
from loratory.methods.make import make_method
from loratory.methods.trained import parameter_counts, trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import BottleneckMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
ATTENTION = {
    "gpt2": ["transformer.h.0.attn.c_proj", "transformer.h.1.attn.c_proj"],
    "llama": ["model.layers.0.self_attn.o_proj", "model.layers.1.self_attn.o_proj"],
}
FEED_FORWARD = {
    "gpt2": ["transformer.h.0.mlp.c_proj", "transformer.h.1.mlp.c_proj"],
    "llama": ["model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"],
}
# Written out, so that torch's functions are not their own judges.
FUNCTIONS = {
    "relu": lambda x: x * (x > 0),
    "gelu": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + torch.exp(-x)),
    "tanh": lambda x: (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1),
}
PARTS = ("down_weight", "down_bias", "up_weight", "up_bias")


def bottlenecks(network):
    return {n: layer for n, layer in network.named_modules() if isinstance(layer, Bottleneck)}


def applied(folder, seed=0, **settings):
    base = load_base(str(folder))
    method = make_method(BottleneckMethod(**settings))
    method.apply(base, torch.Generator().manual_seed(seed))
    return base.network


def layer_of(width=3, non_linearity="relu", dtype=torch.float32):
    generator = torch.Generator().manual_seed(4)
    layer = Bottleneck(nn.Linear(5, 4, dtype=dtype), width=width, non_linearity=non_linearity)
    layer.start(generator)
    return layer


def stirred_layer(non_linearity):
    layer, generator = layer_of(non_linearity=non_linearity).double(), torch.Generator()
    for name in PARTS:
        getattr(layer, name).data.normal_(generator=generator.manual_seed(len(name)))
    return layer


def hooked(stock, parts, function):
    """Let a stock model correct its layers' outputs by what `parts` holds of each, by name."""
    for name, (down, down_bias, up, up_bias) in parts.items():

        def corrected(_layer, _inputs, y, *, weights=(down, down_bias, up, up_bias)):
            d, d_bias, u, u_bias = weights
            return y + function(y @ d.T + d_bias) @ u.T + u_bias

        stock.get_submodule(name).register_forward_hook(corrected)
    return stock.eval().requires_grad_(requires_grad=False)


def ours_and_hooked(ours, peft, **settings):
    """Return a stirred base of ours, and the stock model with the same numbers in hooks."""
    base = ours.stirred(BottleneckMethod(bottleneck_size=5, **settings))
    parts = {
        name: [getattr(layer, part).detach().clone().requires_grad_() for part in PARTS]
        for name, layer in bottlenecks(base.network).items()
    }
    peft.stock.score.weight.data.copy_(base.network.score.weight)
    function = FUNCTIONS[settings.get("non_linearity", "relu")]
    return base, parts, hooked(peft.stock, parts, function)


@pytest.mark.parametrize("non_linearity", FUNCTIONS)
@pytest.mark.parametrize("placement", ["pfeiffer", "houlsby"])
def test_hooks_on_a_stock_model_compute_the_same(ours, peft, placement, non_linearity):
    settings = {"placement": placement, "non_linearity": non_linearity}
    base, _, stock = ours_and_hooked(ours, peft, **settings)
    torch.testing.assert_close(ours.logits(base), peft.logits(stock), **CLOSE)


def test_hooks_on_a_stock_model_have_the_same_gradients(ours, peft):
    base, parts, stock = ours_and_hooked(ours, peft, placement="houlsby")
    network, batch = base.network, ours.batch
    network.score(network(batch)[batch.read_at]).square().sum().backward()
    with torch.enable_grad():
        peft._run(stock).square().sum().backward()
    for name, layer in bottlenecks(network).items():
        for part, expected in zip(PARTS, parts[name], strict=True):
            found = getattr(layer, part).grad
            torch.testing.assert_close(found, expected.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("non_linearity", FUNCTIONS)
def test_gradients_are_those_of_finite_differences(non_linearity):
    layer = stirred_layer(non_linearity)
    x = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = [getattr(layer, name).detach().clone().requires_grad_() for name in PARTS]

    def output(x, *values):
        return functional_call(layer, dict(zip(PARTS, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(output, (x.requires_grad_(), *values))


def test_the_adapted_network_starts_as_the_base_bit_for_bit(ours):
    plain = load_base(str(ours.folder)).network.double()
    adapted = applied(ours.folder, placement="houlsby").double()
    assert bottlenecks(adapted)
    with torch.no_grad():
        read = ours.batch.read_at
        assert torch.equal(adapted(ours.batch)[read], plain(ours.batch)[read])


def test_what_trains_is_float32_where_the_base_is_bfloat16(ours):
    base = load_base(str(ours.folder), dtype=torch.bfloat16)
    make_method(BottleneckMethod()).apply(base, torch.Generator().manual_seed(0))
    output = base.network(ours.batch)[ours.batch.read_at]
    output.float().square().sum().backward()
    trained = trained_parameters(base.network).values()
    assert output.dtype == torch.bfloat16
    assert {(p.dtype, p.grad.dtype) for p in trained} == {(torch.float32, torch.float32)}


def test_in_bfloat16_a_layer_starts_as_its_base_too():
    layer = layer_of(dtype=torch.bfloat16)
    x = torch.randn(7, 5, dtype=torch.bfloat16)
    with torch.no_grad():
        assert torch.equal(layer(x), layer.base(x))


def test_pfeiffer_is_behind_the_feed_forward_part_alone(ours):
    assert list(bottlenecks(applied(ours.folder))) == FEED_FORWARD[ours.layout]


def test_houlsby_is_behind_attention_too(ours):
    found = bottlenecks(applied(ours.folder, placement="houlsby"))
    assert found.keys() == {*ATTENTION[ours.layout], *FEED_FORWARD[ours.layout]}


def test_named_layers_get_one_instead(ours):
    ending = {"gpt2": "c_attn", "llama": "self_attn.q_proj"}[ours.layout]
    found = list(bottlenecks(applied(ours.folder, target_modules=(ending,))))
    assert len(found) == 2
    assert all(name.endswith(ending) for name in found)


def test_a_name_of_no_layer_is_refused_with_those_there_are(ours):
    with pytest.raises(ConfigError, match=r"(?s)'wo'.*fix: .*(c_proj|o_proj)") as caught:
        applied(ours.folder, target_modules=("wo",))
    assert caught.value.code == "CFG-TARGET"


@pytest.mark.parametrize(
    ("settings", "width"),
    [
        ({}, 1),  # 16 // 16
        ({"reduction_factor": 4}, 4),
        ({"reduction_factor": 5}, 3),
        ({"reduction_factor": 100}, 1),
        ({"bottleneck_size": 7}, 7),
    ],
)
def test_the_width_follows_from_the_settings(ours, settings, width):
    layers = bottlenecks(applied(ours.folder, **settings)).values()
    assert {layer.down_weight.shape for layer in layers} == {(width, 16)}


def test_a_reduction_is_of_the_layers_own_outputs(gpt2_folder):
    found = bottlenecks(applied(gpt2_folder, target_modules=("mlp.c_fc",), reduction_factor=4))
    assert {len(layer.down_weight) for layer in found.values()} == {64 // 4}


def test_the_seed_decides_the_start(gpt2_folder):
    starts = [
        torch.cat([layer.down_weight for layer in bottlenecks(network).values()])
        for network in (applied(gpt2_folder, seed, reduction_factor=2) for seed in (1, 1, 2))
    ]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


# A feed-forward network of ten layers: the counts below follow from these sizes alone.
SIZES = (1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1)


def feed_forward():
    """Return the network, and the names of its nine hidden layers."""
    pairs = pairwise(SIZES)
    layers = [part for pair in pairs for part in (nn.Linear(*pair), nn.Tanh())]
    return nn.Sequential(*layers[:-1]), [str(number) for number in range(0, 18, 2)]


def test_bottlenecks_of_width_4_are_1_3_percent_of_a_feed_forward_network():
    network, hidden = feed_forward()
    assert parameter_counts(network) == (700_073, 700_073)
    assert sum(network.get_submodule(name).out_features for name in hidden) == 1_022
    widths = dict.fromkeys(hidden, 4)
    add_bottlenecks(network, widths, non_linearity="relu", generator=torch.Generator())
    trained, whole = parameter_counts(network)
    assert (trained, whole) == (8 * 1_022 + 9 * 4 + 1_022, 700_073 + 9_234)
    assert 0.0131 < trained / 700_073 < 0.0132


def test_biases_alone_are_0_15_percent_of_it():
    network, _ = feed_forward()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
    trained, whole = parameter_counts(network)
    assert trained == 1_023
    assert 0.0014 < trained / whole < 0.0015


def test_any_network_learns_through_its_bottlenecks_alone():
    torch.manual_seed(0)
    network, hidden = feed_forward()
    widths = dict.fromkeys(hidden[:4], 4)
    add_bottlenecks(
        network, widths, non_linearity="gelu", generator=torch.Generator().manual_seed(0)
    )
    frozen = {n: p.clone() for n, p in network.named_parameters() if not p.requires_grad}
    x, y = torch.randn(64, 1024), torch.randn(64, 1)
    optimizer = torch.optim.AdamW(trained_parameters(network).values(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = (network(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert all(torch.equal(network.get_parameter(name), frozen[name]) for name in frozen)


def test_a_bottleneck_behind_what_is_not_linear_is_a_mistake():
    network, _ = feed_forward()
    with pytest.raises(TypeError, match="1 is no linear layer"):
        add_bottlenecks(network, {"1": 4}, non_linearity="relu", generator=torch.Generator())


def test_a_layer_whose_weight_is_read_by_itself_says_so():
    with pytest.raises(ConfigError, match="leave the adapter out") as caught:
        _ = layer_of().weight
    assert caught.value.code == "CFG-TARGET"
