"""A network in an ONNX file: it reads tokens and returns scores, its head already in it.

    input_ids, attention_mask  int64 `[texts, length]`, padded at the end
    logits                     `[texts, classes]`, or of each token's next `[texts, length, words]`
    start_logits, end_logits   `[texts, length]`

To a task these scores are the hidden state, which its heads pass on as it is. A file that is made
to write is given keys and values too, and returns them: see `onnx_texts.py`.
"""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from loratory.errors import ModelError
from loratory.models.checks import check_settings
from loratory.models.load import Base, read_config, read_tokenizer
from loratory.models.network import Network, positions_of
from loratory.models.onnx_file import open_session
from loratory.models.onnx_texts import Numbers, OnnxTexts
from loratory.models.source import BaseSource

FILE = "model.onnx"
INPUTS = ("input_ids", "attention_mask")
SCORES, SPANS = ("logits",), ("start_logits", "end_logits")


def past_names(layers: int) -> tuple[list[str], list[str]]:
    """Return what keys and values of so many layers are called where they go in and come out."""
    parts = [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
    return [f"past_key_values.{part}" for part in parts], [f"present.{part}" for part in parts]


class OnnxBackbone(nn.Module):
    """Runs the file as transformers' models are run over padded texts."""

    base_model_prefix = "exported"

    def __init__(self, session: Any, config: Any, before: dict[str, Numbers]) -> None:
        super().__init__()
        self.session, self.config = session, config
        self.before = before
        """Keys and values of no token, `[1, heads, 0, width]`, where the file is given any."""

        # Networks are where their weights are; the file's are not torch's.
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SimpleNamespace:
        """Return the scores at each token as `last_hidden_state`, `[texts, length, scores]`.

        Those of a text as a whole stand at all of its tokens.
        """
        given = dict(zip(INPUTS, (input_ids.numpy(), attention_mask.numpy()), strict=True))
        given |= {name: part.repeat(len(input_ids), 0) for name, part in self.before.items()}
        names = SCORES if self.before else None
        scores = [torch.from_numpy(part) for part in self.session.run(names, given)]
        if len(scores) == len(SPANS):
            return SimpleNamespace(last_hidden_state=torch.stack(scores, -1))
        (found,) = scores
        if found.dim() == 2:  # noqa: PLR2004 - texts and classes
            found = found[:, None].expand(-1, input_ids.shape[1], -1)
        return SimpleNamespace(last_hidden_state=found)


def load_onnx(folder: Path, sha256: str) -> Base:
    """Return the base in an exported folder, whose file has this digest.

    Raises:
        ConfigError, ModelError, RunError, SecurityError: as `open_session`, or the tokenizer or
            the configuration cannot be read.
    """
    check_settings(folder)
    source = BaseSource(str(folder), "folder", folder.resolve())
    config, tokenizer = read_config(source), read_tokenizer(source)
    session = open_session(folder / FILE, sha256)
    before = _before(session, folder / FILE)
    outputs = {part.name: part.shape for part in session.get_outputs()}
    width = int(outputs[SCORES[0]][-1]) if SCORES[0] in outputs else len(SPANS)
    read = SimpleNamespace(
        hidden_size=width,
        max_position_embeddings=positions_of(config),
        eos_token_id=getattr(config, "eos_token_id", None),  # a recurrent network has none
        **_sizes(before),
    )
    network = Network(OnnxBackbone(session, read, before), flat=False)
    network.add_language_head("lm_head", nn.Identity())
    if before:
        network.growing = partial(OnnxTexts, session, before)
    return Base(source, network, tokenizer, sha256)


def _before(session: Any, path: Path) -> dict[str, Numbers]:
    """Return the keys and values of no token that the file is given; refuse what it must not be."""
    inputs = {part.name: part.shape for part in session.get_inputs()}
    outputs = [part.name for part in session.get_outputs()]
    given, returned = past_names((len(inputs) - len(INPUTS)) // 2)
    known = ([*SCORES, *returned],) if given else ([*SCORES], [*SPANS])
    if [*inputs] != [*INPUTS, *given] or outputs not in known:
        raise ModelError(
            "MODEL-FORMAT",
            "the file computes something else than what is exported from here",
            at=str(path),
            got=", ".join([*inputs, *outputs]),
            expected=f"inputs {', '.join(INPUTS)}, outputs logits or start_logits and end_logits; "
            "with logits past_key_values.N.key and .value, present.N.key and .value",
            fix="use a folder that `loratory export` wrote",
        )
    return {name: np.zeros((1, inputs[name][1], 0, inputs[name][3]), np.float32) for name in given}


def _sizes(before: dict[str, Numbers]) -> dict[str, int]:
    """Return what a text's keys and values take up, as a transformers configuration says it."""
    key = next(iter(before.values()), None)
    if key is None:
        return {}
    layers, heads, width = len(before) // 2, key.shape[1], key.shape[3]
    return {"num_hidden_layers": layers, "num_key_value_heads": heads, "head_dim": width}
