"""Prompt tuning: trainable vectors stand before every text as if they were tokens.

Lester et al. 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning", arXiv:2104.08691.
They start as the embeddings of real tokens, which works better there than random numbers.
"""

from pathlib import Path
from typing import Any

import torch

from loratory.methods.method import Method, cannot_merge
from loratory.methods.virtual_peft import load_virtual, save_virtual
from loratory.methods.virtual_start import starting_tokens
from loratory.models.load import Base
from loratory.models.virtual import Prompt
from loratory.recipe.schema import PromptMethod


class PromptTuning(Method):
    """Vectors before the embeddings of every text."""

    kind = "prompt"

    def __init__(self, section: PromptMethod) -> None:
        self.section = section

    @torch.no_grad()
    def apply(self, base: Base, generator: torch.Generator) -> None:
        """Freeze the base and put vectors before every text.

        Raises:
            ConfigError: as `starting_tokens`.
        """
        network = base.network
        network.requires_grad_(requires_grad=False)
        tokens = starting_tokens(base, self.section, generator)
        embedding: Any = network.get_submodule(network.prefix)
        network.virtual = Prompt(embedding.get_input_embeddings()(tokens).float())

    def save(self, base: Base, folder: Path, *, heads: tuple[str, ...]) -> None:
        """Write a PEFT folder."""
        save_virtual(base, folder, self._settings(base), heads=heads)

    def load(self, base: Base, folder: Path) -> None:
        """Read a PEFT folder.

        Raises:
            SecurityError, ModelError, NumericsError: as `peft_folder.load_adapter`.
        """
        load_virtual(base, folder, self._settings(base))

    def fold(self, base: Base) -> None:
        """Refuse.

        Raises:
            ConfigError: always.
        """
        del base
        raise cannot_merge(self.kind, "its vectors stand before every text, and are in no layer")

    def _settings(self, base: Base) -> dict[str, Any]:
        network, text = base.network, self.section.init_text
        assert isinstance(network.virtual, Prompt)
        source = base.source
        name = source.name if source.kind == "hub" else str(source.folder)
        start: dict[str, Any] = {"prompt_tuning_init": "SAMPLE_VOCAB"}
        if text is not None:
            start = {
                "prompt_tuning_init": "TEXT",
                "prompt_tuning_init_text": text,
                "tokenizer_name_or_path": name,
            }
        return {
            "peft_type": "PROMPT_TUNING",
            "num_virtual_tokens": network.virtual.count,
            "token_dim": network.virtual.prompt_embeddings.shape[1],
            "num_layers": network.config.num_hidden_layers,
            "num_attention_heads": getattr(network.config, "num_attention_heads", 1),
            **start,
        }
