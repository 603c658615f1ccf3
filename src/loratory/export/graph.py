"""The merged network as one module from tokens to scores, as exporters trace it.

It is transformers' own class with its plain ("eager") attention, which any exporter knows.
"""

import tempfile
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from loratory.export.certificate import stock_model
from loratory.methods.transformers_folder import save_model
from loratory.models.load import Base
from loratory.models.onnx_network import SCORES, SPANS

Reads = Literal["last", "spans", "words"]
"""What a head reads: each text's last token, every token as an answer's start and end, or words."""


class Graph(nn.Module):
    """A backbone and its head over texts padded at the end; `reads` says what comes out.

    last: `logits`, `[texts, classes]`. spans: `start_logits` and `end_logits`, `[texts, length]`.
    words: `logits` of what follows each token, `[texts, length, vocabulary]`.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, reads: Reads) -> None:
        super().__init__()
        self.backbone, self.head, self.reads = backbone, head, reads

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out."""
        return SPANS if self.reads == "spans" else SCORES

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Return the head's scores; without a mask nothing is padded."""
        read = self.backbone(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
        states: Tensor = read.last_hidden_state
        match self.reads:
            case "last":
                if attention_mask is None:
                    return (self.head(states[:, -1]),)
                last = attention_mask.sum(1) - 1
                return (self.head(states[torch.arange(states.shape[0]), last]),)
            case "spans":
                start, end = self.head(states).unbind(-1)
                return start, end
            case "words":
                return (self.head(states),)


def stock_graph(plain: Base, head: str | None, beside: Path) -> Graph | str:
    """Return the merged network as transformers' own class reads it, or why none does.

    For a moment its weights are written into the folder `beside`.
    """
    reads: Reads = "words" if head is None else "spans" if head == "qa_outputs" else "last"
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        save_model(plain, Path(folder))
        model = stock_model(plain.network, Path(folder), attn_implementation="eager")
    if isinstance(model, str):
        return model
    model.requires_grad_(requires_grad=False)
    layer = model.get_output_embeddings() if head is None else model.get_submodule(head)
    return Graph(model.get_submodule(model.base_model_prefix), layer, reads)
