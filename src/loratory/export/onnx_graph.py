"""From a network and its head to the one graph of an ONNX file, in float32, traced by torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from loratory.export.graph import Graph
from loratory.models.onnx_network import INPUTS
from loratory.models.quiet import quietly

OPSET = 20


def write_graph(graph: Graph, path: Path, *, positions: int) -> None:
    """Write the graph in float32, for any number of texts of at most `positions` tokens."""
    lengths = {0: torch.export.Dim("texts"), 1: torch.export.Dim("length", max=positions)}
    padded = torch.ones(3, min(7, positions), dtype=torch.long)
    example = Example((padded, padded.clone()), (lengths, lengths))
    write_traced(graph, example, path, inputs=INPUTS, outputs=graph.outputs)


class Example(NamedTuple):
    """What a network is traced with: its arguments, and which of their sizes may be others."""

    arguments: tuple[Any, ...]
    sizes: tuple[Any, ...]
    """As torch.export takes them: a dictionary in the place of each tensor."""


def write_traced(
    network: nn.Module,
    example: Example,
    path: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> None:
    """Trace the network and write it as an ONNX file with these names."""
    import onnx

    with quietly():
        program = torch.onnx.export(
            network.eval(),
            example.arguments,
            input_names=[*inputs],
            output_names=[*outputs],
            dynamic_shapes=example.sizes,
            opset_version=OPSET,
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
