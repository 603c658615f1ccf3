"""From a network that writes to an ONNX graph that is given keys and values, and returns them.

The names and shapes are those that Optimum writes and transformers.js reads: beside `input_ids`
and `attention_mask` a `past_key_values.N.key` and `.value` of each layer go in, and a
`present.N.key` and `.value` come out, as long as all that was read. A token's place is told from
the mask, so that padding may stand at either end.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from loratory.export.onnx_graph import Example, write_traced
from loratory.models.onnx_network import INPUTS, SCORES, past_names

Layers = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, `[texts, heads, tokens, width]`."""


class GrowingGraph(nn.Module):
    """A backbone and its projection onto the vocabulary, over what was read before."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, past: Layers
    ) -> tuple[Tensor, ...]:
        """Return the scores of what follows each token, then keys and values layer by layer.

        Ids are `[texts, length]`, the mask `[texts, past + length]`.
        """
        places = (attention_mask.cumsum(1) - 1).clamp(min=0)[:, -input_ids.shape[1] :]
        read = self.backbone(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=places,
            past_key_values=DynamicCache(past),
            use_cache=True,
        )
        kept = [
            part for layer in read.past_key_values.layers for part in (layer.keys, layer.values)
        ]
        return (self.head(read.last_hidden_state), *kept)


def write_growing_graph(
    backbone: nn.Module, head: nn.Module, path: Path, *, positions: int
) -> None:
    """Write the graph in float32, for texts that grow up to `positions` tokens."""
    size = torch.export.Dim
    texts, length, past, total = size("texts"), size("length"), size("past"), size("total")
    read = min(5, positions // 2)
    ids = torch.ones(3, read, dtype=torch.long)
    with torch.no_grad():
        before = backbone(input_ids=ids, use_cache=True).past_key_values.layers
    layers = [(layer.keys, layer.values) for layer in before]
    growing = {0: texts, 2: past}
    example = Example(
        (ids, torch.ones(3, 2 * read, dtype=torch.long), layers),
        ({0: texts, 1: length}, {0: texts, 1: total}, [(growing, growing) for _ in layers]),
    )
    given, returned = past_names(len(layers))
    write_traced(
        GrowingGraph(backbone, head),
        example,
        path,
        inputs=[*INPUTS, *given],
        outputs=[*SCORES, *returned],
    )
