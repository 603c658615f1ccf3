"""The folder of transformers: a network written for stock classes to load, and read back here."""

import copy
from pathlib import Path
from typing import Any

import transformers
from safetensors.torch import save_file
from torch import Tensor
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from loratory.methods.tensor_file import load_tensors, put_tensors
from loratory.models.load import Base
from loratory.models.network import Network

WEIGHTS = "model.safetensors"
# Transformers' classes, by the head they add to a backbone.
_CLASSES = {
    "score": MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    "qa_outputs": MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
}


def save_model(base: Base, folder: Path) -> None:
    """Write the whole network: configuration, weights, tokenizer. Tied weights are written once."""
    folder.mkdir(parents=True, exist_ok=True)
    network = base.network
    tensors = {
        stock_name(network, name): turned(network, name, tensor.detach().float().cpu())
        for name, tensor in network.named_parameters()
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    save_config(base, copy.deepcopy(network.config), folder)


def save_config(base: Base, config: Any, folder: Path) -> None:
    """Write `config` for the stock class of the base's network, and the tokenizer."""
    network = base.network
    for name, layer in network.named_children():
        if name in _CLASSES:
            config.num_labels = layer.out_features
    stock = stock_class(network)
    config.architectures = [stock] if stock else None
    config.dtype = "float32"
    config.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)


def load_model(network: Network, folder: Path) -> None:
    """Put the weights that `save_model` wrote into a network, those that do not train included.

    Raises:
        ModelError, NumericsError: the file cannot be read, or does not fit the network.
    """
    path = folder / WEIGHTS
    parameters = dict(network.named_parameters())
    names = {stock_name(network, name): name for name in parameters}
    tensors = {names.get(key, key): tensor for key, tensor in load_tensors(path).items()}
    found = {name: turned(network, name, tensor) for name, tensor in tensors.items()}
    put_tensors(parameters, found, at=path, keys={name: key for key, name in names.items()})


def stock_name(network: Network, name: str) -> str:
    """Return what transformers' class with the network's head calls the module or weight `name`.

    The same, but for Llama and its kin with a question answering head: there the backbone is
    `transformer`, and `model` everywhere else.
    """
    stock, backbone = stock_class(network), f"{network.prefix}."
    if stock is None or not name.startswith(backbone):
        return name
    prefix = getattr(transformers, stock).base_model_prefix
    return f"{prefix}.{name.removeprefix(backbone)}"


def stock_class(network: Network) -> str | None:
    """Return the name of transformers' class of such a network, None where there is none."""
    heads = [_CLASSES[name] for name, _ in network.named_children() if name in _CLASSES]
    names = heads[0] if heads else MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return names.get(network.config.model_type)


def turned(network: Network, name: str, tensor: Tensor) -> Tensor:
    """Turn a weight that transformers stores transposed: into its layout, or back into ours."""
    layer, _, part = name.rpartition(".")
    return tensor.T.contiguous() if part == "weight" and layer in network.transposed else tensor
