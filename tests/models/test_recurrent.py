"""The recurrent backbone: what its cells compute, and what becomes of a text's states."""

import pytest
import torch
from transformers import AutoModel

from loratory.models.network import Network
from loratory.models.reading import of_texts
from loratory.models.recurrent import Recurrent, RecurrentConfig

TEXTS = [(3, 1, 4, 1, 5), (9,), (2, 6, 5)]


def recurrent(**settings):
    sizes = {"vocab_size": 11, "embedding_size": 5, "state_size": 4}
    model = Recurrent(RecurrentConfig(**sizes, **settings)).double().eval()
    model.draw(torch.Generator().manual_seed(0))
    return model


def read(model):
    """Return the vectors of the texts, read together as a flat batch."""
    batch = of_texts(TEXTS, "cpu")
    states = Network(model, flat=False)(batch)
    assert states.shape == (len(batch), model.config.hidden_size)
    parts = states.split([len(text) for text in TEXTS])
    assert all(bool((part == part[0]).all()) for part in parts)
    return torch.stack([part[0] for part in parts])


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def by_hand(model, text, *, suffix=""):
    """Return the states of one text by the cells' equations, in the order they are computed."""
    cell, rnn = model.config.cell, model.rnn
    w, u, b, c = (
        getattr(rnn, f"{name}_l0{suffix}")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = memory = torch.zeros(4, dtype=torch.float64)
    states = []
    for token in text:
        x, y = w @ model.embedding.weight[token] + b, u @ h + c
        match cell:
            case "rnn":
                h = (x + y).tanh()
            case "gru":
                (r, z, n), (hr, hz, hn) = x.split(4), y.split(4)
                r, z = sigmoid(r + hr), sigmoid(z + hz)
                h = (1 - z) * (n + r * hn).tanh() + z * h
            case "lstm":
                i, f, g, o = (x + y).split(4)
                memory = sigmoid(f) * memory + sigmoid(i) * g.tanh()
                h = sigmoid(o) * memory.tanh()
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("trains", [False, True])
def test_each_cell_and_pooling_is_its_equation(cell, pooling, bidirectional, trains):
    model = recurrent(cell=cell, pooling=pooling, bidirectional=bidirectional)
    expected = []
    for text in TEXTS:
        ways = [by_hand(model, text)]
        if bidirectional:
            ways.append(by_hand(model, text[::-1], suffix="_reverse"))
        match pooling:
            case "last":
                expected.append(torch.cat([way[-1] for way in ways]))
            case "mean":
                expected.append(torch.cat([way.mean(0) for way in ways]))
            case "max":
                expected.append(torch.cat([way.amax(0) for way in ways]))
    with torch.set_grad_enabled(trains):
        torch.testing.assert_close(read(model), torch.stack(expected))


@pytest.mark.parametrize("settings", [{"layers": 2}, {"layers": 2, "bidirectional": True}])
@torch.no_grad()
def test_a_text_is_read_alike_alone_and_among_others(settings):
    model = recurrent(**settings)
    network = Network(model, flat=False)
    alone = torch.stack([network(of_texts([text], "cpu"))[-1] for text in TEXTS])
    torch.testing.assert_close(read(model), alone)


@torch.no_grad()
def test_drawing_is_a_function_of_the_generator_and_like_torchs_own():
    one, other = recurrent(), recurrent()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    wide = Recurrent(RecurrentConfig(vocab_size=2000, embedding_size=20, state_size=16))
    wide.draw(torch.Generator().manual_seed(1))
    assert float(wide.embedding.weight.std()) == pytest.approx(1, abs=0.02)
    bound = torch.nn.RNN(20, 16).weight_hh_l0.abs().max()
    assert float(wide.rnn.weight_ih_l0.abs().max()) == pytest.approx(float(bound), rel=0.05)


@pytest.mark.parametrize("settings", [{}, {"cell": "lstm", "layers": 2, "bidirectional": True}])
@torch.no_grad()
def test_a_saved_one_is_read_back_by_transformers(tmp_path, settings):
    model = recurrent(**settings)
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path, dtype=torch.float64).eval()
    assert again.config.to_diff_dict() == model.config.to_diff_dict()
    torch.testing.assert_close(read(again), read(model), rtol=0, atol=0)
    again.rnn.weight_ih_l0.zero_()  # what runs are these weights, and no copy of them
    assert not torch.equal(read(again), read(model))
