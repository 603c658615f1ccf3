"""A recurrent network and its head over one text, its steps written out so that they can be traced.

torch's own cells are one operation that exporters either do not know or unroll to a fixed length;
here they are a scan over the text, with g the inputs' part and u the state's:

    rnn    h = tanh(g + u)
    gru    r, z = sigmoid(g_rz + u_rz),  n = tanh(g_n + r u_n),  h = n + z (h - n)
    lstm   i, f, o = sigmoid(…),  c = f c + i tanh(g_g + u_g),  h = o tanh(c)

https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html, …RNN.html, …LSTM.html
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from loratory.models.recurrent import Recurrent

State = tuple[Tensor, ...]
"""What goes from step to step, each `[1, state]`: h, and of an LSTM c after it."""


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
        start = inputs.new_zeros(1, self.kept.in_features)
        state = (start, start.clone()) if self.kind == "lstm" else (start,)

        def step(before: State, given: Tensor) -> tuple[State, Tensor]:
            after = self._step(before, given)
            return after, after[0].clone()

        _, states = scan(step, state, self.given(inputs), reverse=self.backwards)
        return cast(Tensor, states)

    def _step(self, before: State, given: Tensor) -> State:
        kept = self.kept(before[0])
        match self.kind:
            case "gru":
                reset, update, new = given.chunk(3, -1)
                kept_reset, kept_update, kept_new = kept.chunk(3, -1)
                fresh = torch.tanh(new + torch.sigmoid(reset + kept_reset) * kept_new)
                return (fresh + torch.sigmoid(update + kept_update) * (before[0] - fresh),)
            case "lstm":
                enter, forget, new, leave = (given + kept).chunk(4, -1)
                cell = torch.sigmoid(forget) * before[1] + torch.sigmoid(enter) * torch.tanh(new)
                return torch.sigmoid(leave) * torch.tanh(cell), cell
            case _:
                return (torch.tanh(given + kept),)


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
