"""Whole numbers: torchao's, as the formulas say, and the same for training and for shipping."""

import sys

import numpy as np
import pytest
import torch

from loratory.errors import ConfigError
from loratory.models import whole_numbers as module
from loratory.models.whole_numbers import rounded_inputs, rounded_weight, whole_numbers
from loratory.recipe.quantization import Int4Quantization, Int8Quantization

SECTIONS = [Int8Quantization(), Int4Quantization(group_size=8), Int4Quantization(group_size=2)]


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("section", SECTIONS)
def test_weights_are_the_nearest_multiples_of_a_scale(section):
    weight = drawn(5, 24)
    whole, scales = whole_numbers(weight, section)
    bits = 8 if section.kind == "int8" else 4
    group = 24 if section.kind == "int8" else section.group_size
    assert scales.shape == (5, 24 // group)
    for row in range(5):
        for place in range(24 // group):
            part = weight[row, place * group : (place + 1) * group].double().numpy()
            scale = np.abs(part).max() / (2 ** (bits - 1) - 0.5)
            assert scales[row, place] == pytest.approx(scale, rel=1e-6)
            found = whole[row, place * group : (place + 1) * group].numpy()
            # The largest is half a step beyond the last number.
            expected = np.clip(np.round(part / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            assert (np.abs(found - expected) <= (np.abs(part / scale % 1 - 0.5) < 1e-4)).all()


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_trained_for_is_what_is_shipped(section):
    weight = drawn(6, 16)
    whole, scales = whole_numbers(weight, section)
    dense = (whole.view(*scales.shape, -1) * scales[..., None]).view(weight.shape)
    torch.testing.assert_close(rounded_weight(weight, section), dense, rtol=0, atol=0)


def test_inputs_of_a_token_have_256_values_and_zero_is_one_of_them():
    x = drawn(7, 300) + 2
    x[:, 0] = 0
    found = rounded_inputs(x)
    steps = (x.amax(1).clamp(min=0) - x.amin(1).clamp(max=0)) / 255
    assert (found[:, 0] == 0).all()
    assert ((found - x).abs() <= 1.001 * steps[:, None]).all()
    multiples = found / steps[:, None]
    assert (multiples - multiples.round()).abs().max() < 1e-3


def test_without_torchao_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    module._qat.cache_clear()
    with pytest.raises(ConfigError) as refused:
        rounded_inputs(torch.ones(1, 4))
    module._qat.cache_clear()
    assert (refused.value.code, refused.value.fix) == ("CFG-EXTRA", "pip install 'loratory[qat]'")
