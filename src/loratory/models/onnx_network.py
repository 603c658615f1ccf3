"""A network in an ONNX file: it reads tokens and returns scores, its head already in it.

    input_ids, attention_mask  int64 `[texts, length]`, padded at the end
    logits                     `[texts, classes]`, or of each token's next `[texts, length, words]`
    start_logits, end_logits   `[texts, length]`

To a task these scores are the hidden state, which its heads pass on as it is.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from loratory.errors import ModelError
from loratory.models.checks import check_settings
from loratory.models.load import Base, read_config, read_tokenizer
from loratory.models.network import Network, positions_of
from loratory.models.onnx_file import open_session
from loratory.models.source import BaseSource

FILE = "model.onnx"
INPUTS = ("input_ids", "attention_mask")
SCORES, SPANS = ("logits",), ("start_logits", "end_logits")


class OnnxBackbone(nn.Module):
    """Runs the file as transformers' models are run over padded texts."""

    base_model_prefix = "exported"

    def __init__(self, session: Any, config: Any) -> None:
        super().__init__()
        self.session, self.config = session, config
        # Networks are where their weights are; the file's are not torch's.
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SimpleNamespace:
        """Return the scores at each token as `last_hidden_state`, `[texts, length, scores]`.

        Those of a text as a whole stand at all of its tokens.
        """
        given = dict(zip(INPUTS, (input_ids.numpy(), attention_mask.numpy()), strict=True))
        scores = [torch.from_numpy(part) for part in self.session.run(None, given)]
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
    named = [{part.name for part in side} for side in (session.get_inputs(), session.get_outputs())]
    outputs = {part.name: part.shape for part in session.get_outputs()}
    if named[0] != {*INPUTS} or named[1] not in ({*SCORES}, {*SPANS}):
        raise ModelError(
            "MODEL-FORMAT",
            "the file computes something else than what is exported from here",
            at=str(folder / FILE),
            got=", ".join(sorted(named[0] | named[1])),
            expected=f"inputs {', '.join(INPUTS)}, outputs logits or start_logits and end_logits",
            fix="use a folder that `loratory export` wrote",
        )
    width = len(SPANS) if len(outputs) == len(SPANS) else int(outputs[SCORES[0]][-1])
    read = SimpleNamespace(hidden_size=width, max_position_embeddings=positions_of(config))
    network = Network(OnnxBackbone(session, read), flat=False)
    network.add_language_head("lm_head", nn.Identity())
    return Base(source, network, tokenizer, sha256)


def pass_on(network: Network, head: str) -> None:
    """Let the head return what it is given.

    Raises:
        ModelError: the file computes scores of another number (MODEL-FORMAT).
    """
    layer = network.get_submodule(head)
    assert isinstance(layer, nn.Linear)
    if layer.in_features != layer.out_features:
        raise ModelError(
            "MODEL-FORMAT",
            "the file's scores are not one for each that the task reads",
            at=FILE,
            got=layer.in_features,
            expected=f"{layer.out_features}",
            fix="export the run again",
        )
    nn.init.eye_(layer.weight)
