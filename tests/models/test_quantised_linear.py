"""Layers of whole numbers: what torchao's tensors of whole numbers compute."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torchao.quantization import MappingType
from torchao.quantization.quantize_.workflows.intx.intx_unpacked_to_int8_tensor import (
    IntxUnpackedToInt8Tensor,
    IntxUnpackedToInt8TensorActivationQuantization,
)

from loratory.models import quantised_linear
from loratory.models.quantised_linear import QuantisedLinear, rounded_tokens
from loratory.models.whole_numbers import rounded_inputs, whole_numbers
from loratory.recipe.quantization import Int4Quantization, Int8Quantization

SECTIONS = [
    Int8Quantization(),
    Int8Quantization(activations="none"),
    Int4Quantization(group_size=8),
    Int4Quantization(group_size=16, activations="int8"),
]


def inputs(tokens):
    generator = torch.Generator().manual_seed(tokens)
    x = torch.randn(tokens, 48, generator=generator)
    x *= torch.randn(tokens, 1, generator=generator).exp()
    x[0] += 3  # a token of positive numbers alone
    x[-1] = -x[-1].abs()
    return x


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("section", SECTIONS)
def test_it_computes_what_torchaos_tensor_does(section, bias, exact, monkeypatch):
    if not exact:  # a processor without the instructions
        monkeypatch.setattr(quantised_linear, "multiplies_exactly", lambda: False)
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(33, 48, generator=generator)
    added = torch.randn(33, generator=generator) if bias else None
    group = 48 if section.kind == "int8" else section.group_size
    per_token = IntxUnpackedToInt8TensorActivationQuantization.INT8_ASYM_PER_TOKEN
    theirs = IntxUnpackedToInt8Tensor.from_hp(
        weight,
        (1, group),
        torch.int8 if section.kind == "int8" else torch.int4,
        mapping_type=MappingType.SYMMETRIC,
        activation_quantization=per_token if section.activations == "int8" else None,
    )
    layer = QuantisedLinear(*whole_numbers(weight, section), added, activations=section.activations)
    for tokens in (1, 5, 70):
        x = inputs(tokens)
        with torch.inference_mode():
            torch.testing.assert_close(layer(x), F.linear(x, theirs, added), rtol=1e-5, atol=2e-4)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4))
def test_tokens_are_rounded_bit_for_bit_as_torchao_does(numbers):
    x = torch.tensor([numbers, [0.0] * 4])
    assert torch.equal(rounded_tokens(x), rounded_inputs(x))


def test_it_moves_with_its_network():
    layer = QuantisedLinear(
        *whole_numbers(torch.ones(4, 8), Int8Quantization()), None, activations="int8"
    )
    layer(torch.ones(1, 8))
    layer.to("meta")
    assert layer.whole.is_meta
    assert not list(layer.parameters())
