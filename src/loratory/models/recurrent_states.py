"""The states of recurrent layers, step by step, as torch's own layers compute them.

With g the inputs' part of a step, W x + b, and u the state's, U h + c:

    rnn    h = tanh(g + u)
    gru    r, z = sigmoid(g_rz + u_rz),  n = tanh(g_n + r u_n),  h = n + z (h - n)
    lstm   i, f, o = sigmoid(…),  c = f c + i tanh(g_g + u_g),  h = o tanh(c)

https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html, …RNN.html, …LSTM.html

torch multiplies every token of a batch by W, which is most of the work where the embedding is wider
than the state; here each different token is multiplied once, however often it stands there.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = tuple[Tensor, ...]
"""What goes from step to step, each `[texts, state]`: h, and of an LSTM c after it."""


def first_state(kind: str, like: Tensor, texts: int, width: int) -> State:
    """Return the zeros that `texts` begin with, of the type of `like`."""
    start = like.new_zeros(texts, width)
    return (start, start.clone()) if kind == "lstm" else (start,)


def next_state(kind: str, before: State, given: Tensor, kept: Tensor) -> State:
    """Return the state after a step; `given` is the inputs' part and `kept` that of `before`."""
    match kind:
        case "gru":
            sizes = [2 * before[0].shape[-1], before[0].shape[-1]]
            (gates, new), (kept_gates, kept_new) = given.split(sizes, -1), kept.split(sizes, -1)
            reset, update = torch.sigmoid(gates + kept_gates).chunk(2, -1)
            fresh = torch.tanh(new + reset * kept_new)
            return (fresh + update * (before[0] - fresh),)
        case "lstm":
            enter, forget, new, leave = (given + kept).chunk(4, -1)
            cell = torch.sigmoid(forget) * before[1] + torch.sigmoid(enter) * torch.tanh(new)
            return torch.sigmoid(leave) * torch.tanh(cell), cell
        case _:
            return (torch.tanh(given + kept),)


def states_of(
    kind: str, layers: nn.RNNBase, embedding: nn.Embedding, ids: Tensor, lengths: Tensor
) -> Tensor:
    """Return the last layer's states, `[texts, length, ways x state]`, of ids padded at the end.

    Those at padding mean nothing.
    """
    forwards = torch.arange(ids.shape[1])[:, None].expand(-1, len(ids))  # [length, texts]
    mirrored = lengths - 1 - forwards
    backwards = torch.where(mirrored < 0, forwards, mirrored)  # padding stays behind its text
    inputs, which = ids.T.unique(return_inverse=True)
    inputs = embedding(inputs)
    for number in range(layers.num_layers):
        ways = [
            _steps(kind, _weights(layers, f"l{number}{suffix}"), inputs, which, order)
            for suffix, order in (("", forwards), ("_reverse", backwards))[
                : 1 + layers.bidirectional
            ]
        ]
        states = torch.cat(ways, -1)
        inputs = states.flatten(0, 1)
        which = torch.arange(len(inputs)).view(forwards.shape)
    return states.transpose(0, 1)


def _steps(
    kind: str, weights: Sequence[Tensor], inputs: Tensor, which: Tensor, order: Tensor
) -> Tensor:
    """Return the state after each token, `[length, texts, state]`, read in `order`.

    A text's token at each place is the row of `inputs` that `which`, `[length, texts]`, says.
    """
    w, u, b, c = weights
    given, texts = F.linear(inputs, w, b), torch.arange(order.shape[1])
    state = first_state(kind, inputs, order.shape[1], u.shape[1])
    states = inputs.new_empty(*order.shape, u.shape[1])
    for place, rows in zip(order, which.gather(0, order), strict=True):
        kept = F.linear(state[0], u, c)
        state = next_state(kind, state, given.index_select(0, rows), kept)
        states[place, texts] = state[0]
    return states


def _weights(layers: nn.RNNBase, way: str) -> Sequence[Tensor]:
    return [
        getattr(layers, f"{part}_{side}_{way}")
        for part in ("weight", "bias")
        for side in ("ih", "hh")
    ]
