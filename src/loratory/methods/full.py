"""Full fine-tuning: every weight of the base trains; what comes out is a model of its own."""

import copy
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from loratory.methods.trained import load_trained, trained_tensors
from loratory.models.load import Base
from loratory.models.network import Network

_WEIGHTS = "model.safetensors"


def apply(network: Network) -> None:
    """Let every parameter of `network` train."""
    network.requires_grad_(requires_grad=True)


def save_model(base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
    """Write the network as a folder that transformers loads: configuration, weights, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    network = base.network
    tensors = {
        name: turned(network, name, tensor) for name, tensor in trained_tensors(network).items()
    }
    save_file(tensors, folder / _WEIGHTS, metadata={"format": "pt"})
    config = copy.deepcopy(network.config)
    names = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if "score" in heads:
        names = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
        config.num_labels = network.get_submodule("score").out_features
    elif "qa_outputs" in heads:
        names = MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES
    config.architectures = [names[config.model_type]] if config.model_type in names else None
    config.dtype = "float32"
    config.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)


def load_model(network: Network, folder: Path) -> None:
    """Put the weights that `save_model` wrote into a network that all of trains."""
    tensors = load_file(folder / _WEIGHTS)
    load_trained(network, {name: turned(network, name, t) for name, t in tensors.items()})


def turned(network: Network, name: str, tensor: Tensor) -> Tensor:
    """Turn a weight that transformers stores transposed: into its layout, or back into ours."""
    layer, _, part = name.rpartition(".")
    return tensor.T.contiguous() if part == "weight" and layer in network.transposed else tensor
