"""Recurrent networks as ONNX graphs: what the network itself computes, padded or not."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from loratory.export.recurrent_graph import write_recurrent_graph
from loratory.models.recurrent import Recurrent, RecurrentConfig

TEXTS = [(3, 1, 4, 1, 5), (9,), (2, 6, 5)]


def written(path, **settings):
    """Return a drawn network with a head, and its file's session."""
    sizes = {"vocab_size": 11, "embedding_size": 5, "state_size": 4}
    backbone = Recurrent(RecurrentConfig(**sizes, **settings)).eval()
    backbone.draw(torch.Generator().manual_seed(0))
    head = nn.Linear(backbone.config.hidden_size, 3)
    write_recurrent_graph(backbone, head, path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return backbone, head, onnxruntime.InferenceSession(path)


def scores(session, texts, *, length, filler=0):
    """Return the file's logits of the texts, padded at the end to `length`."""
    ids = np.full((len(texts), length), filler)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    (found,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
    return found


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize(
    "settings", [{}, {"bidirectional": True}, {"layers": 2, "bidirectional": True}]
)
@torch.no_grad()
def test_each_cell_direction_and_pooling_is_the_networks(tmp_path, cell, pooling, settings):
    path = tmp_path / "model.onnx"
    backbone, head, session = written(path, cell=cell, pooling=pooling, **settings)
    for text, found in zip(TEXTS, scores(session, TEXTS, length=5), strict=True):
        alone = torch.tensor([text])
        expected = head(backbone(alone, torch.ones_like(alone)).last_hidden_state[0, -1])
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_padding_at_the_end_changes_nothing_whatever_it_is(tmp_path, pooling):
    *_, session = written(
        tmp_path / "model.onnx", cell="gru", bidirectional=True, layers=2, pooling=pooling
    )
    short = scores(session, TEXTS, length=5)
    assert np.array_equal(short, scores(session, TEXTS, length=9, filler=7))
    assert not np.allclose(short[0], short[1])
