"""From a network to an ExecuTorch program for one text, in float32, computed by XNNPACK.

The text's length is left open up to the longest one. What XNNPACK does not know (the look-up of
embeddings, masks, shapes) the runtime's own operators compute, and for these it sets aside the room
that the longest text takes.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from loratory.models.quiet import quietly


@dataclass(frozen=True)
class Program:
    """What was written."""

    working_bytes: int
    """Memory set aside for intermediate results beside the weights, without XNNPACK's own."""


def write_program(network: nn.Module, path: Path, *, longest: int) -> Program:
    """Trace the network over `[1, length]` tokens of at most `longest`, and write the program."""
    text = torch.ones(1, min(7, longest), dtype=torch.long)
    length = {1: torch.export.Dim("length", max=longest)}
    with quietly():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        traced = torch.export.export(network.eval(), (text,), dynamic_shapes=(length,))
        lowered = to_edge_transform_and_lower(traced, partitioner=[XnnpackPartitioner()])
        made = lowered.to_executorch()
    with path.open("wb") as file:
        made.write_to_file(file)
    (plan,) = made.executorch_program.execution_plan
    return Program(sum(plan.non_const_buffer_sizes))
