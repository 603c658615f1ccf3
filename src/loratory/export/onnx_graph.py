"""From a network and its head to the one graph of an ONNX file, in float32 or in int8.

The graph is that of transformers' own class with its plain ("eager") attention, traced by torch.

int8 is onnxruntime's dynamic quantisation of every matrix, a scale for each output channel, inputs
rounded as they come. The embedding is rounded too, a scale for each token, and read as

    embedding[token] = q[token] * s[token],    q in -127…127, s = max |row| / 127
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from loratory.models.onnx_network import INPUTS, SCORES, SPANS

_OPSET = 20
_MATRICES = ("MatMul", "Gemm")
_MOST = 127


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

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Return the head's scores."""
        read = self.backbone(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
        states: Tensor = read.last_hidden_state
        match self.reads:
            case "last":
                last = attention_mask.sum(1) - 1
                return (self.head(states[torch.arange(states.shape[0]), last]),)
            case "spans":
                start, end = self.head(states).unbind(-1)
                return start, end
            case "words":
                return (self.head(states),)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what the exporters say of their own parts and of settings nobody chose here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def write_graph(graph: Graph, path: Path, *, positions: int) -> None:
    """Write the graph in float32, for any number of texts of at most `positions` tokens."""
    import onnx

    lengths = {0: torch.export.Dim("texts"), 1: torch.export.Dim("length", max=positions)}
    padded = torch.ones(3, min(7, positions), dtype=torch.long)
    with _quietly():
        program = torch.onnx.export(
            graph.eval(),
            (padded, padded.clone()),
            input_names=[*INPUTS],
            output_names=[*graph.outputs],
            dynamic_shapes=(lengths, lengths),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        # Where in which source file it comes from, of this machine.
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.save(model, path)


def round_graph(whole: Path, path: Path) -> None:
    """Write the int8 form of the float32 file `whole`."""
    import onnx
    from onnxruntime import quantization

    with _quietly():
        quantization.quantize_dynamic(
            whole,
            path,
            op_types_to_quantize=[*_MATRICES],
            per_channel=True,
            # Seven bits: two products of eight fit into the sums of no older processor.
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
        )
    model = onnx.load(path)
    _round_embeddings(onnx, model.graph)
    onnx.save(model, path)


def _round_embeddings(onnx: Any, graph: Any) -> None:
    """Let every table that tokens or places are looked up in be int8, a scale for each row."""
    floats = onnx.TensorProto.FLOAT
    tables = {part.name: part for part in graph.initializer if part.data_type == floats}
    nodes = []
    for node in graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2:  # noqa: PLR2004 - rows and width
            nodes.append(node)
            continue
        nodes += _rounded_lookup(onnx, graph, node, table)
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [part for part in graph.initializer if part.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _rounded_lookup(onnx: Any, graph: Any, node: Any, table: Any) -> list[Any]:
    make, numbers = onnx.helper.make_node, onnx.numpy_helper.to_array(table)
    scales = np.maximum(np.abs(numbers).max(1, keepdims=True) / _MOST, 1e-12).astype(np.float32)
    whole = np.rint(numbers / scales).astype(np.int8)
    name, (out,) = f"{table.name}.{node.output[0]}", node.output
    graph.initializer.extend(
        onnx.numpy_helper.from_array(part, f"{name}.{what}")
        for part, what in ((whole, "whole"), (scales, "scales"))
    )
    return [
        make("Gather", [f"{name}.whole", node.input[1]], [f"{name}.rows"], axis=0),
        make("Cast", [f"{name}.rows"], [f"{name}.floats"], to=onnx.TensorProto.FLOAT),
        make("Gather", [f"{name}.scales", node.input[1]], [f"{name}.scale"], axis=0),
        make("Mul", [f"{name}.floats", f"{name}.scale"], [out]),
    ]
