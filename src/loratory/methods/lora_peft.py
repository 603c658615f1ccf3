"""LoRA in PEFT's folder.

An update that starts as a part of the layer itself (PiSSA) is written as what it adds to the layer,
as PEFT proposes: B A - B0 A0 is one update of twice the rank, for the base as it was.
"""

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from loratory.methods.lora_layer import LoraLinear
from loratory.methods.peft_folder import (
    WEIGHTS,
    adapter_tensors,
    peft_key,
    put_adapter,
    require_settings,
    write_folder,
)
from loratory.methods.targets import ends_in, last_parts
from loratory.methods.tensor_file import require_fit
from loratory.methods.trained import trained_tensors
from loratory.methods.transformers_folder import stock_name, turned
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.recipe.schema import LoraMethod


def save_lora(base: Base, section: LoraMethod, folder: Path, *, heads: tuple[str, ...]) -> None:
    """Write what trains into `folder`; `heads` are the modules the task added."""
    network = base.network
    tensors = {
        peft_key(network, name): turned(network, name, tensor)
        for name, tensor in trained_tensors(network).items()
    }
    for name, layer in _layers(network).items():
        if layer.start is not None:
            factors = zip(_keys(network, name), layer.factors(), strict=True)
            tensors |= {key: factor.detach().cpu().contiguous() for key, factor in factors}
    write_folder(base, folder, tensors, _settings(network, section, heads), heads=heads)


def load_lora(base: Base, section: LoraMethod, folder: Path) -> None:
    """Put the folder's tensors into a base with the updates that `section` describes.

    Raises:
        SecurityError, ModelError, NumericsError: as `peft_folder.load_adapter`.
    """
    network = base.network
    require_settings(folder, _settings(network, section, ()))
    tensors = adapter_tensors(base, folder)
    starts: dict[str, tuple[Tensor, Tensor]] = {}
    for name, layer in _layers(network).items():
        key_a, key_b = _keys(network, name)
        r = len(layer.lora_A)
        if layer.start is not None and key_a in tensors and key_b in tensors:
            whole_a, whole_b = tensors[key_a], tensors[key_b]
            for key, factor in zip((key_a, key_b), layer.factors(), strict=True):
                require_fit(f"{folder / WEIGHTS}, {key}", tensors[key], factor)
            starts[name] = (whole_a[r:], -whole_b[:, r:])
            tensors[key_a], tensors[key_b] = whole_a[:r], whole_b[:, :r]
    put_adapter(base, folder, tensors)
    for name, layer in _layers(network).items():
        for own, read in zip(layer.start or (), starts.get(name, ()), strict=True):
            own.copy_(read)


def _settings(network: Network, section: LoraMethod, heads: tuple[str, ...]) -> dict[str, Any]:
    adapted = list(_layers(network))
    saved = [
        stock_name(network, name)
        for name, _ in network.named_modules()
        if any(ends_in(name, ending) for ending in section.modules_to_save)
    ]
    twice = section.init_lora_weights == "pissa"
    ranks = 2 if twice else 1
    # So that the scaling stays what it is with twice the rank.
    alphas = (math.sqrt(2) if section.use_rslora else 2) if twice else 1
    rank_pattern = {stock_name(network, key): ranks * r for key, r in section.rank_pattern.items()}
    alpha_pattern = {
        stock_name(network, key): alphas * alpha for key, alpha in section.alpha_pattern.items()
    }
    variants = {
        "rank_pattern": rank_pattern,
        "alpha_pattern": alpha_pattern,
        "use_rslora": section.use_rslora,
        "use_dora": section.use_dora,
    }
    return {
        "peft_type": "LORA",
        "r": ranks * section.r,
        "lora_alpha": alphas * section.lora_alpha,
        "lora_dropout": section.lora_dropout,
        "target_modules": _targets(network, section, adapted),
        # By their full names: PEFT would take `norm` for `input_layernorm` too.
        "modules_to_save": [*heads, *saved] or None,
        "bias": section.bias,
        "fan_in_fan_out": bool(network.transposed.intersection(adapted)),
        "init_lora_weights": True,
        **{key: value for key, value in variants.items() if value},
    }


def _targets(network: Network, section: LoraMethod, adapted: list[str]) -> list[str]:
    """Return the targets so that PEFT finds the same layers in its own class."""
    if section.layers_to_transform is None:
        if section.target_modules == "all-linear":
            # PEFT would resolve it against its own class, which may have other layers.
            return last_parts(adapted)
        if not isinstance(section.target_modules, str):
            return [stock_name(network, name) for name in section.target_modules]
    # By their full names: an expression may also match what is no linear layer, and a class may
    # call its backbone otherwise.
    return [stock_name(network, name) for name in adapted]


def _layers(network: Network) -> dict[str, LoraLinear]:
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, LoraLinear)}


def _keys(network: Network, name: str) -> tuple[str, str]:
    return peft_key(network, f"{name}.lora_A"), peft_key(network, f"{name}.lora_B")
