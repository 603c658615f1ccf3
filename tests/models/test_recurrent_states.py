"""States step by step, against torch's own layers."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from loratory.models.recurrent_states import states_of

IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 0, 0, 0, 0], [2, 6, 5, 3, 0]])
LENGTHS = torch.tensor([5, 1, 4])
CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@pytest.fixture
def embedding():
    return nn.Embedding(11, 5, dtype=torch.float64)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_they_are_those_of_torchs_layers(embedding, kind, depth, bidirectional):
    layers = CELLS[kind](
        5, 4, depth, batch_first=True, bidirectional=bidirectional, dtype=torch.float64
    )
    packed = pack_padded_sequence(embedding(IDS), LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(layers(packed)[0], batch_first=True)
    found = states_of(kind, layers, embedding, IDS, LENGTHS)
    for own, theirs, length in zip(found, expected, LENGTHS, strict=True):
        torch.testing.assert_close(own[:length], theirs[:length])


def test_a_token_that_repeats_is_multiplied_once(embedding, monkeypatch):
    rows, linear = [], nn.functional.linear

    def counting(inputs, *rest):
        rows.append(len(inputs))
        return linear(inputs, *rest)

    monkeypatch.setattr(nn.functional, "linear", counting)
    layer = nn.GRU(5, 4, batch_first=True, dtype=torch.float64)
    states_of("gru", layer, embedding, torch.tensor([[7, 7, 7, 7, 8]] * 9), torch.tensor([5] * 9))
    assert rows == [2, *[9] * 5]
