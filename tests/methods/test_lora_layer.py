"""LoRA's layer, with and without a magnitude or a start: its values, gradients and plain twin."""

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from torch.nn import functional as F

from loratory.errors import ConfigError
from loratory.methods.lora_layer import LoraLinear
from loratory.models.product import product

SIZES = [(6, 6), (5, 9), (9, 5)]  # square, wide, narrow: (in, out)
VARIANTS = ["plain", "magnitude", "start", "magnitude and start"]


def made(
    sizes=(5, 9), *, variant="plain", bias=True, scaling=1.75, dropout=0.0, dtype=torch.float64
):
    """Return a layer of rank 3 that has been trained away from its start."""
    generator = torch.Generator().manual_seed(4)

    def drawn(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    base = nn.Linear(*sizes, bias=bias).to(dtype).requires_grad_(requires_grad=False)
    for tensor in base.parameters():
        tensor.copy_(drawn(*tensor.shape))
    layer = LoraLinear(base, r=3, scaling=scaling, lora_dropout=dropout)
    layer.lora_A.data.zero_()
    if dtype == torch.float64:
        layer.to(dtype)
    if "start" in variant:
        layer.start_from(drawn(3, sizes[0]).float(), drawn(sizes[1], 3).float())
        layer.to(torch.float64 if dtype == torch.float64 else None)
    if "magnitude" in variant:
        layer.add_magnitude()
    for name, parameter in layer.named_parameters():
        if "lora" in name:
            parameter.data.add_(drawn(*parameter.shape))
    return layer, drawn(7, sizes[0])


def dense(layer):
    """Return W' of the layer's docstring, scaled to its magnitude, in float64."""
    update = layer.lora_B.double() @ layer.lora_A.double()
    if layer.start_a is not None:
        update = update - layer.start_b.double() @ layer.start_a.double()
    weight = layer.base.weight.double() + layer.scaling * update
    if layer.lora_magnitude_vector is None:
        return weight
    lengths = weight.detach().square().sum(1, keepdim=True).sqrt()
    return layer.lora_magnitude_vector.double()[:, None] * weight / lengths


def bias_of(layer):
    return None if layer.base.bias is None else layer.base.bias.double()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("sizes", SIZES)
def test_values_and_gradients_are_the_plain_formulas_in_float64(sizes, variant, bias):
    layer, x = made(sizes, variant=variant, bias=bias)
    x.requires_grad_()
    found, expected = layer(x), F.linear(x, dense(layer), bias_of(layer))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    trained = [p for name, p in layer.named_parameters() if "lora" in name]
    towards = torch.randn(found.shape, dtype=torch.float64)
    ours = torch.autograd.grad(found, [x, *trained], towards)
    theirs = torch.autograd.grad(expected, [x, *trained], towards)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("sizes", SIZES)
def test_merged_it_is_the_layer_of_the_dense_weight(sizes, variant, bias):
    layer, x = made(sizes, variant=variant, bias=bias)
    plain = layer.merged()
    assert type(plain) is nn.Linear
    assert (plain.in_features, plain.out_features) == sizes
    assert not any(parameter.requires_grad for parameter in plain.parameters())
    torch.testing.assert_close(plain.weight, dense(layer), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(plain(x), layer(x), rtol=1e-11, atol=1e-11)


def test_the_merged_layer_shares_no_memory_with_the_base():
    layer, _ = made()
    plain, before = layer.merged(), layer.base.bias.clone()
    plain.bias.fill_(7)
    plain.weight.fill_(7)
    assert torch.equal(layer.base.bias, before)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_bfloat16_weight_is_merged_in_float32_and_rounded_once(variant):
    layer, _ = made((64, 48), variant=variant, dtype=torch.bfloat16)
    plain, exact = layer.merged(), dense(layer)
    assert plain.weight.dtype == torch.bfloat16
    assert layer.lora_A.dtype == torch.float32
    # Half of the last of eight bits: what rounding alone costs.
    half_a_step = exact.abs() * 2.0**-8 + 1e-5
    assert bool(((plain.weight.double() - exact).abs() <= half_a_step).all())


def test_the_lengths_of_a_bfloat16_weight_are_summed_in_float32():
    layer, _ = made((2048, 8), variant="magnitude", dtype=torch.bfloat16)
    layer.lora_B.data.zero_()
    layer.add_magnitude()
    exact = layer.base.weight.double().square().sum(1).sqrt()
    assert layer.lora_magnitude_vector.dtype == torch.float32
    torch.testing.assert_close(
        layer.lora_magnitude_vector.detach().double(), exact, rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_in_bfloat16_it_is_close_to_float64(variant):
    layer, x = made((32, 24), variant=variant, scaling=0.25, dtype=torch.bfloat16)
    found, exact = layer(x), F.linear(x.double(), dense(layer), bias_of(layer))
    assert found.dtype == torch.bfloat16
    assert (found.double() - exact).norm() < 0.02 * exact.norm()


def test_a_fresh_update_adds_nothing_to_the_layers_own_product():
    base, x = nn.Linear(24, 16), torch.randn(9, 24)
    layer = LoraLinear(base, r=4, scaling=2.0, lora_dropout=0.0)
    nn.init.normal_(layer.lora_A)
    with torch.no_grad():
        assert torch.equal(layer(x), product(x, base.weight, base.bias))


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_starts_as_the_base(variant):
    layer, x = made(variant=variant)
    layer.lora_A.data.copy_(layer.lora_A if layer.start_a is None else layer.start_a)
    layer.lora_B.data.copy_(torch.zeros(9, 3) if layer.start_b is None else layer.start_b)
    if layer.lora_magnitude_vector is not None:
        layer.add_magnitude()
    torch.testing.assert_close(layer(x), layer.base(x), rtol=1e-11, atol=1e-11)


def test_the_update_is_scaled():
    layer = LoraLinear(nn.Linear(3, 5), r=2, scaling=3.5, lora_dropout=0.0)
    nn.init.ones_(layer.lora_A)
    nn.init.ones_(layer.lora_B)
    x = torch.ones(1, 3)
    torch.testing.assert_close(layer(x) - layer.base(x), torch.full((1, 5), 3.0 * 2 * 3.5))


@pytest.mark.parametrize("variant", VARIANTS)
def test_leading_sizes_stay_as_they_are(variant):
    layer, x = made(variant=variant)
    found = layer(x[:6].view(2, 3, 5))
    assert found.shape == (2, 3, 9)
    torch.testing.assert_close(found.view(6, 9), layer(x[:6]))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("variant", ["plain", "magnitude"])
def test_values_and_gradients_are_those_of_pefts_layer(sizes, variant):
    layer, x = made(sizes, variant=variant, scaling=2.0, dtype=torch.float32)
    network = nn.Sequential(nn.Linear(*sizes))
    network[0].load_state_dict(layer.base.state_dict())
    config = LoraConfig(
        r=3, lora_alpha=6, target_modules=["0"], use_dora=layer.lora_magnitude_vector is not None
    )
    theirs = inject_adapter_in_model(config, network)[0]
    pairs = [
        (layer.lora_A, theirs.lora_A["default"].weight),
        (layer.lora_B, theirs.lora_B["default"].weight),
    ]
    if layer.lora_magnitude_vector is not None:
        pairs += [(layer.lora_magnitude_vector, theirs.lora_magnitude_vector["default"].weight)]
    for own, other in pairs:
        other.data.copy_(own)
    found, expected = layer(x), theirs(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    towards = torch.randn(found.shape)
    ours = torch.autograd.grad(found, [own for own, _ in pairs], towards)
    others = torch.autograd.grad(expected, [other for _, other in pairs], towards)
    torch.testing.assert_close(ours, others, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_dropout_is_on_the_updates_input_while_training_and_never_else(variant):
    layer, x = made(variant=variant, dropout=0.5)
    exact = layer.eval()(x)
    assert torch.equal(layer(x), exact)
    layer.train()
    torch.manual_seed(0)
    drawn = torch.stack([layer(x).detach() for _ in range(4000)])
    assert not torch.equal(drawn[0], drawn[1])
    # Dropped entries count double where they stay, so the mean is the value without dropout.
    spread = drawn.std(0) / 4000**0.5
    assert bool(((drawn.mean(0) - exact).abs() <= 5 * spread).all())


def test_a_row_of_zeros_has_a_magnitude_of_nothing_and_no_nan():
    base = nn.Linear(5, 4).requires_grad_(requires_grad=False)
    base.weight[2] = 0
    layer = LoraLinear(base, r=2, scaling=1.0, lora_dropout=0.0)
    nn.init.normal_(layer.lora_A)
    layer.add_magnitude()
    x = torch.randn(3, 5)
    found = layer(x)
    torch.testing.assert_close(found, base(x))
    torch.testing.assert_close(layer.merged()(x), base(x))
    found.sum().backward()
    gradients = [layer.lora_A.grad, layer.lora_B.grad, layer.lora_magnitude_vector.grad]
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_its_weight_cannot_be_read_past_the_update():
    layer, _ = made()
    with pytest.raises(ConfigError, match="would leave the update out") as caught:
        _ = layer.weight
    assert (caught.value.code, caught.value.at) == ("CFG-TARGET", "method.target_modules")
