"""Weights and inputs in whole numbers, by torchao's own functions; torchao is the extra `qat`.

    weights: q = round(w / s) in -128…127 or -8…7, s = max |w| / 127.5 or / 7.5 of a row or a group
    inputs:  q = round(x / s) + z in -128…127, s = (max x - min x) / 255 of a token, 0 included

What training rounds to (`rounded_…`) and what is shipped (`whole_numbers`) are thereby the same.
"""

from functools import cache
from typing import Any, assert_never

import torch
from torch import Tensor

from loratory.errors import ConfigError
from loratory.recipe.quantization import Int4Quantization, Int8Quantization, QuantizationSection


def bits_of(section: QuantizationSection) -> int:
    """Return how many bits a weight takes."""
    match section:
        case Int8Quantization():
            return 8
        case Int4Quantization():
            return 4
        case _:
            assert_never(section)


def group_of(section: QuantizationSection, inputs: int) -> int:
    """Return how many neighbouring weights share a scale in a layer of so many inputs."""
    match section:
        case Int8Quantization():
            return inputs
        case Int4Quantization():
            return section.group_size
        case _:
            assert_never(section)


def require_torchao() -> None:
    """Refuse to round without torchao (CFG-EXTRA)."""
    _qat()


def rounded_weight(weight: Tensor, section: QuantizationSection) -> Tensor:
    """Return `weight`, `[out, in]`, with each number the nearest that the format has."""
    dtype = getattr(torch, section.kind)  # torch's types do not know int4
    config = _qat().IntxFakeQuantizeConfig(dtype, group_size=group_of(section, weight.shape[1]))
    # A new one each time: it keeps what it is doing in itself, and threads would share that.
    return _rounded(_qat().IntxFakeQuantizer(config), weight)


def rounded_inputs(x: Tensor) -> Tensor:
    """Return `x`, `[tokens, in]`, with each number the nearest that int8 has for its token."""
    config = _qat().IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False)
    return _rounded(_qat().IntxFakeQuantizer(config), x)


def whole_numbers(weight: Tensor, section: QuantizationSection) -> tuple[Tensor, Tensor]:
    """Return q in int8, `[out, in]`, and s, `[out, groups]`, of a float32 weight."""
    _qat()
    from torchao.quantization.quant_primitives import quantize_affine
    from torchao.quantization.utils import get_group_qparams_symmetric

    bits, group = bits_of(section), group_of(section, weight.shape[1])
    scales, zeros = get_group_qparams_symmetric(weight, bits, group)
    most = 2 ** (bits - 1)
    whole = quantize_affine(weight, (1, group), scales, zeros, torch.int8, -most, most - 1)
    return whole, scales


def _rounded(fake: Any, numbers: Tensor) -> Tensor:
    """Round in float32, whatever the numbers are: that is what will be shipped."""
    found: Tensor = fake(numbers.to(torch.float32))
    return found.to(numbers.dtype)


@cache
def _qat() -> Any:
    try:
        from torchao.quantization import qat
    except ImportError:
        raise ConfigError(
            "CFG-EXTRA",
            "rounding to whole numbers needs torchao, and it is not installed",
            at="quantization",
            fix="pip install 'loratory[qat]'",
        ) from None
    return qat
