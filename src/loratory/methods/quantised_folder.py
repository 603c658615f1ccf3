"""The folder of a quantised model: whole numbers, packed, in the format `pack-quantized`.

It is that of compressed-tensors, which transformers reads. Of a layer L, `[out, in]`:

    L.weight_packed   int32 `[out, in · bits / 32]`: numbers + 2^(bits - 1), the first lowest
    L.weight_scale    float32 `[out, groups]`
    L.weight_shape    the two sides

Everything else is as in a folder of transformers, and `config.json` says what is packed how. Of a
base whose projections transformers stores transposed (GPT-2) the file has another name: stock
classes would find no layer to put the whole numbers into, and draw weights at random.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from loratory.methods.tensor_file import load_tensors
from loratory.methods.transformers_folder import save_config, stock_name, turned
from loratory.models.load import Base, load_base
from loratory.models.quantised_linear import QuantisedLinear, dequantised
from loratory.models.whole_numbers import bits_of, group_of, whole_numbers
from loratory.recipe.quantization import Int8Quantization, QuantizationSection

STOCK, OWN = "model.safetensors", "quantised.safetensors"
_WORD = 32
_PACKED, _SCALE, _SHAPE = "weight_packed", "weight_scale", "weight_shape"


def save_quantised(
    base: Base, names: tuple[str, ...], section: QuantizationSection, folder: Path
) -> None:
    """Write the network with the linear layers called `names` in whole numbers.

    Raises:
        ConfigError: torchao is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = base.network
    tensors: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        tensor, layer = parameter.detach().float().cpu(), name.removesuffix(".weight")
        key = stock_name(network, name)
        if layer not in names:
            tensors[key] = turned(network, name, tensor)
            continue
        whole, scales = whole_numbers(tensor, section)
        packed = {_PACKED: pack(whole, bits_of(section)), _SCALE: scales}
        packed[_SHAPE] = torch.tensor(whole.shape)
        tensors |= {f"{key.removesuffix('weight')}{part}": it for part, it in packed.items()}
    own = network.transposed.intersection(names)
    save_file(tensors, folder / (OWN if own else STOCK), metadata={"format": "pt"})
    config = copy.deepcopy(network.config)
    others = [n for n, part in network.named_modules() if isinstance(part, nn.Linear)]
    ignored = [stock_name(network, name) for name in others if name not in names]
    config.quantization_config = _quantization_config(section, ignored)
    save_config(base, config, folder)


def load_quantised(
    folder: Path, section: QuantizationSection, *, language_head: bool
) -> tuple[Base, dict[str, Tensor]]:
    """Return the base of a folder with its quantised layers, and the tensors of the file by name.

    Raises:
        ModelError, SecurityError: the files cannot be read or trusted.
    """
    path = next((folder / name for name in (OWN, STOCK) if (folder / name).is_file()), None)
    tensors, bits = load_tensors(path or folder / STOCK), bits_of(section)
    keys = [key for key in tensors if key.endswith(f".{_PACKED}")]
    layers = {key.removesuffix(f".{_PACKED}"): _unpacked(tensors, key, bits) for key in keys}
    # Transformers reads them as they will be computed with; only then whole ones take their place.
    for name, (whole, scales) in layers.items():
        dense = dequantised(whole, scales)
        tensors[f"{name}.weight"] = dense.T.contiguous() if path == folder / OWN else dense
    base = load_base(str(folder), language_head=language_head, weights=tensors)
    network = base.network
    plain = {n: part for n, part in network.named_modules() if isinstance(part, nn.Linear)}
    for name, layer in plain.items():
        found = layers.get(stock_name(network, name))
        if found is not None:
            bias = None if layer.bias is None else layer.bias.detach().clone()
            quantised = QuantisedLinear(*found, bias, activations=section.activations)
            network.set_submodule(name, quantised)
    return base, tensors


def _unpacked(tensors: dict[str, Tensor], key: str, bits: int) -> tuple[Tensor, Tensor]:
    name = key.removesuffix(_PACKED)
    packed, scales = tensors.pop(key), tensors.pop(f"{name}{_SCALE}")
    _, inputs = tensors.pop(f"{name}{_SHAPE}").tolist()
    return unpack(packed, bits, inputs), scales


def pack(whole: Tensor, bits: int) -> Tensor:
    """Return int8 numbers of so many bits, `[out, in]`, side by side in int32."""
    count = _WORD // bits
    padded = F.pad(whole.to(torch.int64) + 2 ** (bits - 1), (0, -whole.shape[1] % count))
    parts = padded.view(len(whole), -1, count)
    words = (parts << (bits * torch.arange(count))).sum(-1)
    # The highest bit is the sign of a word.
    signed: Tensor = torch.where(words >= 2 ** (_WORD - 1), words - 2**_WORD, words)
    return signed.to(torch.int32)


def unpack(packed: Tensor, bits: int, inputs: int) -> Tensor:
    """Return the numbers that `pack` packed, int8 `[out, in]`."""
    shifts = bits * torch.arange(_WORD // bits, dtype=torch.int32)
    parts = (packed[..., None] >> shifts) & (2**bits - 1)
    whole: Tensor = (parts - 2 ** (bits - 1)).to(torch.int8).view(len(packed), -1)
    return whole[:, :inputs].contiguous()


def _quantization_config(section: QuantizationSection, ignored: list[str]) -> dict[str, Any]:
    """Return what compressed-tensors calls the section."""
    whole = isinstance(section, Int8Quantization)
    weights = {
        "num_bits": bits_of(section),
        "type": "int",
        "symmetric": True,
        "dynamic": False,
        "strategy": "channel" if whole else "group",
        "group_size": None if whole else group_of(section, 0),
    }
    inputs = {
        "num_bits": 8,
        "type": "int",
        "symmetric": False,
        "dynamic": True,
        "strategy": "token",
    }
    group = {
        "targets": ["Linear"],
        "format": "pack-quantized",
        "weights": weights,
        "input_activations": inputs if section.activations == "int8" else None,
        "output_activations": None,
    }
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "ignore": ignored,
        "config_groups": {"group_0": group},
    }
