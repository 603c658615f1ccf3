"""Kept states: a network that begins with them computes what it does without, forward and back."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.batching.flat import flatten
from loratory.batching.places import Places
from loratory.batching.rows import EncodedRow
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.frozen_states import FrozenStates
from loratory.models.load import load_base
from loratory.models.split import split_below_trained
from loratory.recipe.schema import BottleneckMethod, HeadMethod, Ia3Method, LoraMethod

OUTPUTS = {"gpt2": "mlp.c_proj", "llama": "mlp.down_proj"}
# Long enough to be shared, as a tree shares it.
BEGINNINGS = [(), (5, 4, 3, 2, 1, 6, 7, 8, 9), tuple(range(100, 112))]


def methods(kind):
    output = f"1.{OUTPUTS[kind]}"
    return {
        "lora": LoraMethod(r=2, layers_to_transform=(1,), lora_dropout=0.3),
        "bottleneck": BottleneckMethod(target_modules=(output,)),
        "ia3": Ia3Method(target_modules=(output,)),
        "head": HeadMethod(),
    }


@pytest.fixture(scope="module", params=[(k, m) for k in OUTPUTS for m in methods(k)])
def network(request):
    kind, method = request.param
    base = load_base(str(request.getfixturevalue(f"{kind}_folder")))
    generator = torch.Generator().manual_seed(0)
    make_method(methods(kind)[method]).apply(base, generator)
    base.network.add_module("score", torch.nn.Linear(16, 3))
    for parameter in trained_parameters(base.network).values():
        parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    # Rounding differs with the batch that the states were computed in: here it is far below 1e-9.
    return base.network.double()


def keeping(network, texts, *, at_once):
    """Return a copy that begins with states, computed for so many texts at a time."""
    network = copy.deepcopy(network)
    split, places = split_below_trained(network), Places.of(texts)
    kept = FrozenStates(
        split, places, torch.full((places.count, 16), torch.nan, dtype=torch.float64)
    )
    ends = places.ends()
    for start in range(0, len(ends), at_once):
        batch = flatten([EncodedRow((t,), (), ()) for t in ends[start : start + at_once]])
        kept.put(batch, split.lower(batch))
    network.kept = kept
    return network


def learned(network, batch):
    """Return the hidden states that are read, and every gradient."""
    network.zero_grad()
    network.train()
    torch.manual_seed(1)
    read = network(batch)[batch.read_at]
    network.score(read).square().sum().backward()
    return read.detach(), {n: p.grad for n, p in trained_parameters(network).items()}


TEXT = st.tuples(
    st.sampled_from(BEGINNINGS), st.lists(st.integers(0, 319), min_size=4, max_size=20)
).map(lambda parts: parts[0] + tuple(parts[1]))


@settings(max_examples=15, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=6), shared=st.booleans(), data=st.data())
def test_hidden_states_and_gradients_are_those_without(network, texts, shared, data):
    begins_there = keeping(network, texts, at_once=data.draw(st.integers(1, 6)))
    rows = [EncodedRow((text,), (len(text) - 1,), (0,)) for text in texts]
    batch = flatten(rows, shared=shared)
    (expected, gradients), (found, further) = (learned(n, batch) for n in (network, begins_there))
    assert gradients.keys() == further.keys()
    assert gradients
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for name, gradient in gradients.items():
        torch.testing.assert_close(further[name], gradient, rtol=1e-9, atol=1e-9)


def test_from_states_of_the_same_batch_they_are_the_same_bit_for_bit(network):
    if not any(name.startswith(network.prefix) for name in trained_parameters(network)):
        pytest.skip("without kept states, a last block that is frozen is computed for few tokens")
    texts = [tuple(range(n, n + length)) for n, length in enumerate((9, 4, 30, 12, 7))]
    begins_there = keeping(network, texts, at_once=5)
    batch = flatten([EncodedRow((text,), (len(text) - 1,), (0,)) for text in texts])
    (expected, gradients), (found, further) = (learned(n, batch) for n in (network, begins_there))
    assert torch.equal(found, expected)
    assert [n for n, gradient in gradients.items() if not torch.equal(further[n], gradient)] == []


def test_the_kept_states_are_what_it_begins_with(network):
    begins_there = keeping(network, [(1, 2, 3, 4, 5)], at_once=1)
    begins_there.kept.states.neg_()
    batch = flatten([EncodedRow(((1, 2, 3, 4, 5),), (), ())])
    with torch.no_grad():
        assert not torch.allclose(begins_there(batch), network(batch))


def test_texts_without_kept_states_are_read_from_their_beginning(network):
    begins_there = keeping(network, [(1, 2, 3, 4, 5)], at_once=1).eval()
    network.eval()
    batch = flatten([EncodedRow((text,), (), ()) for text in ((1, 2, 3, 4, 5), (6, 7, 8, 9))])
    with torch.no_grad():
        assert torch.equal(begins_there(batch), network(batch))
