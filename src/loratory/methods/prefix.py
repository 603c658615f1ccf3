"""Prefix tuning: in every layer each text also attends to trainable keys and values.

Li and Liang 2021, "Prefix-Tuning: Optimizing Continuous Prompts for Generation", arXiv:2101.00190.
They are trained as they are, not through a network that is thrown away afterwards, which the paper
has because training was unstable without. They start as what the base itself computes for real
tokens, which the paper finds to be far better than a random start where rows are few.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from loratory.errors import ConfigError
from loratory.methods.method import Method, cannot_merge
from loratory.methods.virtual_peft import load_virtual, save_virtual
from loratory.methods.virtual_start import starting_tokens
from loratory.models.load import Base
from loratory.models.network import Network
from loratory.models.past import Past
from loratory.models.reading import of_texts
from loratory.models.virtual import Prefix
from loratory.recipe.schema import PrefixMethod


class PrefixTuning(Method):
    """Keys and values before those of every text."""

    kind = "prefix"

    def __init__(self, section: PrefixMethod) -> None:
        self.section = section

    @torch.no_grad()
    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base and put keys and values before those of every text.

        Raises:
            ConfigError: as `starting_tokens`, or the base attends in a way of its own.
        """
        network = base.network
        network.requires_grad_(requires_grad=False)
        tokens = starting_tokens(base, self.section, generator)
        if network.device.type == "meta":
            network.virtual = Prefix.starting_as(_shaped(network, len(tokens)))
            return
        found = _keys_and_values(network, tokens) if network.keeps_past else []
        layers = network.config.num_hidden_layers
        if len(found) != 2 * layers or len({part.shape for part in found}) != 1:
            raise ConfigError(
                "CFG-METHOD",
                f"a base of type {network.config.model_type} attends in a way of its own, which "
                "has no room for a prefix",
                at="method.kind",
                got=self.kind,
                expected="a base such as gpt2, llama, qwen2 or opt",
                fix="set method.kind=prompt, which any base can read",
            )
        network.virtual = Prefix.starting_as(torch.stack(found).unflatten(0, (layers, 2)))

    def save(self, base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
        """Write a PEFT folder."""
        save_virtual(base, folder, _settings(base), heads=heads)

    def load(self, base: Base, folder: Path) -> None:
        """Read a PEFT folder.

        Raises:
            SecurityError, ModelError, NumericsError: as `peft_folder.load_adapter`.
        """
        load_virtual(base, folder, _settings(base))

    def fold(self, base: Base) -> None:
        """Refuse.

        Raises:
            ConfigError: always.
        """
        del base
        raise cannot_merge(self.kind, "its keys and values come from no text and no layer")


def _shaped(network: Network, count: int) -> Tensor:
    """Return keys and values of the usual shape, `[layers, 2, heads, count, width]`, unknown."""
    config = network.config
    heads = getattr(config, "num_attention_heads", 1)
    shared = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return torch.empty(config.num_hidden_layers, 2, shared, count, width, device="meta")


def _keys_and_values(network: Network, tokens: Tensor) -> list[Tensor]:
    """Return what a text has: keys and then values of each layer, `[heads, count, width]`."""
    past = Past(network.device)
    network.begin(of_texts([tokens.tolist()], network.device), past)
    # One more than there should be: it has none, unless a layer attends twice.
    layers = range(network.config.num_hidden_layers + 1)
    return [part[0, :, : len(tokens)] for layer in layers for part in past.buffers(layer)]


def _settings(base: Base) -> dict[str, Any]:
    prefix = base.network.virtual
    assert isinstance(prefix, Prefix)
    return {
        "peft_type": "PREFIX_TUNING",
        "num_virtual_tokens": prefix.count,
        # Those of keys and values, where several heads share them.
        "token_dim": prefix.heads * prefix.width,
        "num_attention_heads": prefix.heads,
        "num_layers": prefix.layers,
        "encoder_hidden_size": prefix.heads * prefix.width,
        "prefix_projection": False,
    }
