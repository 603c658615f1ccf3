"""From a recurrent network and its head to an ONNX graph over padded texts.

torch runs the cells over packed texts, which no exporter knows; ONNX's own cells are told each
text's length instead, stop there, and read backwards from there. Gates stand in another order:

    gru    torch r z n      ONNX z r h         lstm    torch i f g o      ONNX i o f c

https://onnx.ai/onnx/operators/onnx__RNN.html, onnx__GRU.html and onnx__LSTM.html
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from loratory.export.onnx_graph import OPSET
from loratory.models.onnx_network import INPUTS, SCORES
from loratory.models.recurrent import Recurrent

_GATES = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
# torch multiplies by the weights before it resets, unlike the paper.
_SETTINGS = {"rnn": {}, "gru": {"linear_before_reset": 1}, "lstm": {}}
# That of the operators' own time, so that older runtimes read the file.
_IR_VERSION = 10
_LOWEST = float(np.finfo(np.float32).min)


def write_recurrent_graph(backbone: Recurrent, head: nn.Linear, path: Path) -> None:
    """Write `logits`, `[texts, classes]`, of ids padded at the end, as a float32 ONNX file."""
    import onnx

    graph = _Nodes(onnx)
    ids, mask = INPUTS
    graph.add("ReduceSum", [mask, graph.whole([1])], "counts", keepdims=0)
    graph.add("Cast", ["counts"], "lengths", to=onnx.TensorProto.INT32)
    vector = _pooled(graph, backbone.config, _layers(graph, backbone, ids), mask)
    weight = graph.number(head.weight)
    bias = [graph.number(head.bias)] if head.bias is not None else []
    graph.add("Gemm", [vector, weight, *bias], SCORES[0], transB=1)
    helper, padded = onnx.helper, ["texts", "length"]
    made = helper.make_graph(
        graph.nodes,
        "recurrent",
        [helper.make_tensor_value_info(name, onnx.TensorProto.INT64, padded) for name in INPUTS],
        [
            helper.make_tensor_value_info(
                SCORES[0], onnx.TensorProto.FLOAT, ["texts", head.out_features]
            )
        ],
        graph.weights,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(made, opset_imports=[opset], ir_version=_IR_VERSION)
    onnx.save(model, path)


def _layers(graph: "_Nodes", backbone: Recurrent, ids: str) -> tuple[str, str]:
    """Add embedding and cells; return the last layer's states `[length, texts, hidden]`, and ends.

    The ends are the last states of each way, `[ways, texts, state]`.
    """
    config = backbone.config
    graph.add("Gather", [graph.number(backbone.embedding.weight), ids], "embedded", axis=0)
    graph.add("Transpose", ["embedded"], "states", perm=[1, 0, 2])
    states, ends = "states", ""
    for layer in range(config.layers):
        name = f"layer{layer}"
        weights = [graph.number(part) for part in _cell_weights(backbone, layer)]
        graph.add(
            config.cell.upper(),
            [states, *weights, "lengths"],
            f"{name}.ways",
            f"{name}.ends",
            hidden_size=config.state_size,
            direction="bidirectional" if config.bidirectional else "forward",
            **_SETTINGS[config.cell],
        )
        graph.add("Transpose", [f"{name}.ways"], f"{name}.beside", perm=[0, 2, 1, 3])
        side_by_side = graph.whole([0, 0, config.hidden_size])
        graph.add("Reshape", [f"{name}.beside", side_by_side], f"{name}.states")
        states, ends = f"{name}.states", f"{name}.ends"
    return states, ends


def _cell_weights(backbone: Recurrent, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return W, R and B as ONNX has them, `[ways, gates * state, …]`."""
    order, size = _GATES[backbone.config.cell], backbone.config.state_size
    ways = ("", "_reverse") if backbone.config.bidirectional else ("",)

    def stacked(part: str) -> Tensor:
        found = [getattr(backbone.rnn, f"{part}_l{layer}{way}") for way in ways]
        gates = [list(each.split(size)) for each in found]
        return torch.stack([torch.cat([each[gate] for gate in order]) for each in gates])

    biases = torch.cat([stacked("bias_ih"), stacked("bias_hh")], 1)
    return stacked("weight_ih"), stacked("weight_hh"), biases


def _pooled(graph: "_Nodes", config: Any, read: tuple[str, str], mask: str) -> str:
    """Add what makes one vector of a text's states, `[texts, hidden]`; return its name."""
    states, ends = read
    if config.pooling == "last":
        graph.add("Transpose", [ends], "ends", perm=[1, 0, 2])
        graph.add("Reshape", ["ends", graph.whole([0, config.hidden_size])], "vector")
        return "vector"
    graph.add("Transpose", [mask], "mask", perm=[1, 0])
    graph.add("Unsqueeze", ["mask", graph.whole([2])], "mask.wide")
    graph.add("Cast", ["mask.wide"], "real", to=graph.onnx.TensorProto.BOOL)
    hidden = graph.number(torch.tensor(0.0 if config.pooling == "mean" else _LOWEST))
    graph.add("Where", ["real", states, hidden], "seen")
    if config.pooling == "max":
        graph.add("ReduceMax", ["seen", graph.whole([0])], "vector", keepdims=0)
        return "vector"
    graph.add("ReduceSum", ["seen", graph.whole([0])], "sum", keepdims=0)
    graph.add("Cast", ["counts"], "counts.real", to=graph.onnx.TensorProto.FLOAT)
    graph.add("Unsqueeze", ["counts.real", graph.whole([1])], "counts.wide")
    graph.add("Div", ["sum", "counts.wide"], "vector")
    return "vector"


class _Nodes:
    """The nodes and weights of a graph as they come."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, inputs: list[str], *outputs: str, **settings: Any) -> None:
        """Add a node; an output that nothing reads is left out by its empty name."""
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [*outputs], **settings))

    def number(self, values: Tensor) -> str:
        """Keep numbers in float32; return their name."""
        return self._keep(values.detach().float().cpu().numpy())

    def whole(self, values: list[int]) -> str:
        """Keep whole numbers, which are shapes and axes; return their name."""
        return self._keep(np.array(values, dtype=np.int64))

    def _keep(self, values: Any) -> str:
        name = f"weight{len(self.weights)}"
        self.weights.append(self.onnx.numpy_helper.from_array(values, name))
        return name
