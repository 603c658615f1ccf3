"""A recurrent network step by step: what torch's own cells compute, for every kind of them."""

import pytest
import torch
from torch import nn

from loratory.export.recurrent_steps import RecurrentText
from loratory.models.quiet import quietly
from loratory.models.recurrent import Recurrent, RecurrentConfig

SIZES = {"vocab_size": 30, "embedding_size": 5, "state_size": 4}
KINDS = [
    {"cell": "rnn", "pooling": "last", "bidirectional": True, "layers": 2},
    {"cell": "gru", "pooling": "mean", "bidirectional": True},
    {"cell": "lstm", "pooling": "max", "bidirectional": True, "layers": 2},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind['cell']}-{kind['pooling']}")
def test_steps_are_those_of_torchs_cells(kind):
    generator = torch.Generator().manual_seed(0)
    backbone = Recurrent(RecurrentConfig(**SIZES, **kind)).eval()
    backbone.draw(generator)
    head = nn.Linear(backbone.config.hidden_size, 3)
    text = torch.randint(0, 30, (1, 6), generator=generator)
    with torch.no_grad(), quietly():
        expected = head(backbone(text, torch.ones_like(text)).last_hidden_state[:, -1])
        (found,) = RecurrentText(backbone, head)(text)
    torch.testing.assert_close(found, expected)
