"""A recurrent network and its head over one text, its steps written out so that they can be traced.

torch's own cells are one operation that exporters either do not know or unroll to a fixed length;
here they are a scan over the text.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from loratory.models.recurrent import Recurrent
from loratory.models.recurrent_states import State, first_state, next_state


class Cell(nn.Module):
    """One layer in one direction, with the weights of torch's own."""

    def __init__(self, backbone: Recurrent, layer: int, *, backwards: bool) -> None:
        super().__init__()
        self.kind, self.backwards = str(backbone.config.cell), backwards
        way = f"l{layer}_reverse" if backwards else f"l{layer}"
        self.given, self.kept = (
            _linear(*(getattr(backbone.rnn, f"{part}_{side}_{way}") for part in ("weight", "bias")))
            for side in ("ih", "hh")
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the state after each step, `[length, 1, state]`, of `[length, 1, width]`."""

        def step(before: State, given: Tensor) -> tuple[State, Tensor]:
            after = next_state(self.kind, before, given, self.kept(before[0]))
            return after, after[0].clone()

        start = first_state(self.kind, inputs, 1, self.kept.in_features)
        _, states = scan(step, start, self.given(inputs), reverse=self.backwards)
        return cast(Tensor, states)


class RecurrentText(nn.Module):
    """Reads `[1, length]` tokens and returns `[1, classes]` scores."""

    def __init__(self, backbone: Recurrent, head: nn.Module) -> None:
        super().__init__()
        config = backbone.config
        self.embedding, self.head, self.pooling = backbone.embedding, head, str(config.pooling)
        ways = (False, True) if config.bidirectional else (False,)
        self.layers = nn.ModuleList(
            nn.ModuleList(Cell(backbone, layer, backwards=way) for way in ways)
            for layer in range(config.layers)
        )

    def forward(self, input_ids: Tensor) -> tuple[Tensor]:
        """Return the head's scores of the text's vector."""
        states = self.embedding(input_ids.transpose(0, 1))
        ways: list[Tensor] = []
        for layer in self.layers:
            ways = [cell(states) for cell in cast(nn.ModuleList, layer)]
            states = torch.cat(ways, -1)
        match self.pooling:
            case "last":  # of what is read backwards, that at the first token
                ends = [way[-1 if at == 0 else 0] for at, way in enumerate(ways)]
                vector = torch.cat(ends, -1)
            case "mean":
                vector = states.mean(0)
            case _:
                vector = states.amax(0)
        return (self.head(vector),)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = (
        nn.Parameter(part.detach(), requires_grad=False) for part in (weight, bias)
    )
    return layer
