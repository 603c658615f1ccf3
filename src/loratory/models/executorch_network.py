"""A network in an ExecuTorch program: it reads one text and returns scores, its head already in it.

    in    int64 `[1, length]`, the text's tokens
    out   `[1, classes]`, or of each token's next `[1, length, words]`, or the starts and the ends
          of an answer, two of `[1, length]`

To a task these scores are the hidden state, which its heads pass on as it is.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from loratory.errors import ModelError
from loratory.models.checks import check_settings
from loratory.models.executorch_file import open_method
from loratory.models.load import Base, read_config, read_tokenizer
from loratory.models.network import Network
from loratory.models.onnx_network import SCORES, SPANS
from loratory.models.source import BaseSource

FILE = "model.pte"


class ExecutorchBackbone(nn.Module):
    """Runs the program as transformers' models are run over padded texts."""

    base_model_prefix = "exported"

    def __init__(self, method: Any, config: Any) -> None:
        super().__init__()
        self.method, self.config = method, config
        # Networks are where their weights are; the program's are not torch's.
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SimpleNamespace:
        """Return the scores at each token as `last_hidden_state`, `[texts, length, scores]`.

        Those of a text as a whole stand at all of its tokens.
        """
        lengths = attention_mask.sum(1).tolist()
        texts = [ids[:length] for ids, length in zip(input_ids, lengths, strict=True)]
        scores = [self._scores(text) for text in texts]
        return SimpleNamespace(last_hidden_state=pad_sequence(scores, batch_first=True))

    def _scores(self, ids: Tensor) -> Tensor:
        """Return one text's scores, `[length, scores]`."""
        found: list[Tensor] = [part[0] for part in self.method.execute([ids[None].contiguous()])]
        if len(found) == len(SPANS):
            return torch.stack(found, -1)
        (scores,) = found
        return scores if scores.dim() == 2 else scores.expand(len(ids), -1)  # noqa: PLR2004


def load_executorch(folder: Path, sha256: str) -> Base:
    """Return the base in an exported folder, whose program has this digest.

    It reads texts of as many tokens as the program was made for.

    Raises:
        ConfigError, ModelError, RunError, SecurityError: as `open_method`, or the tokenizer or
            the configuration cannot be read.
    """
    check_settings(folder)
    source = BaseSource(str(folder), "folder", folder.resolve())
    read_config(source)
    tokenizer = read_tokenizer(source)
    method = open_method(folder / FILE, sha256)
    longest, width = _sizes(method.metadata, folder / FILE)
    read = SimpleNamespace(hidden_size=width, max_position_embeddings=longest)
    network = Network(ExecutorchBackbone(method, read), flat=False)
    network.add_language_head("lm_head", nn.Identity())
    return Base(source, network, tokenizer, sha256)


def _sizes(method: Any, path: Path) -> tuple[int, int]:
    """Return the tokens of the longest text, and the scores; refuse what computes another thing."""
    inputs = [method.input_tensor_meta(at).sizes() for at in range(method.num_inputs())]
    outputs = [method.output_tensor_meta(at).sizes() for at in range(method.num_outputs())]
    if [len(size) for size in inputs] != [2] or len(outputs) not in (len(SCORES), len(SPANS)):
        raise ModelError(
            "MODEL-FORMAT",
            "the program computes something else than what is exported from here",
            at=str(path),
            got=f"inputs {inputs}, outputs {outputs}",
            expected="one text's tokens in, scores out",
            fix="use a folder that `loratory export` wrote",
        )
    width = len(SPANS) if len(outputs) == len(SPANS) else outputs[0][-1]
    return int(inputs[0][1]), int(width)
