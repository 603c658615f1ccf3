"""The last block at few tokens: what is read there, and learned from it, is the whole network's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.dropout import set_dropout
from loratory.models.last_block import read_few, reading_few
from loratory.models.load import load_base
from loratory.models.reading import read_flat
from loratory.recipe.schema import FullMethod, LoraMethod

KINDS = ["gpt2", "llama", "gpt_neox", "mistral", "opt", "qwen2"]
BEGINNING = tuple(range(100, 112))
# Far above the rounding of norms, which some models compute in float32.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def network_of(request, folder_of, kind, method):
    known = kind in ("gpt2", "llama")
    folder = request.getfixturevalue(f"{kind}_folder") if known else folder_of(kind)
    base, generator = load_base(str(folder)), torch.Generator().manual_seed(0)
    make_method(method).apply(base, generator)
    for parameter in trained_parameters(base.network).values():
        parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return base.network.double()


@pytest.fixture(scope="module", params=[*((kind, "lora") for kind in KINDS), ("gpt2", "full")])
def network(request, folder_of):
    kind, method = request.param
    return network_of(
        request, folder_of, kind, FullMethod() if method == "full" else LoraMethod(r=2)
    )


def learned(network, read_states, batch):
    """Return the states that are read, and every gradient of what trains."""
    network.zero_grad()
    read = read_states(network.get_submodule(network.prefix), batch)[batch.read_at]
    read.square().sum().backward()
    trained = trained_parameters(network).items()
    return read.detach(), {name: parameter.grad for name, parameter in trained}


@st.composite
def row(draw):
    tokens = draw(st.lists(st.integers(0, 319), min_size=8, max_size=24))
    whole = (*(BEGINNING if draw(st.booleans()) else ()), *tokens)
    places = draw(st.sets(st.integers(0, len(whole) - 1), min_size=1, max_size=3))
    at = tuple(sorted(places))
    return EncodedRow((whole,), at, (0,) * len(at))


@settings(max_examples=12, deadline=None)
@given(rows=st.lists(row(), min_size=1, max_size=5), shared=st.booleans(), twice=st.booleans())
def test_states_and_gradients_are_those_of_the_whole(network, rows, shared, twice):
    assert network.reads_few
    batch = flatten(rows + rows[:1] * twice, shared=shared)
    expected, gradients = learned(network, read_flat, batch)
    found, further = learned(network, read_few, batch)
    torch.testing.assert_close(found, expected, **CLOSE)
    for name, gradient in gradients.items():
        # What is not used in one way has no gradient, and nought in the other.
        nought = torch.zeros_like(trained_parameters(network)[name])
        one, other = (nought if g is None else g for g in (further[name], gradient))
        torch.testing.assert_close(one, other, **CLOSE)


def test_the_network_reads_so_and_nothing_else_is_a_number(gpt2_folder):
    network = load_base(str(gpt2_folder)).network
    batch = flatten([EncodedRow((BEGINNING,), (5, 11), (0, 0))])
    with torch.no_grad():
        states = network(batch)
    known = (~states.isnan().any(-1)).nonzero().flatten().tolist()
    assert known == [5, 11]


def test_where_much_is_read_or_nothing_is_known_of_it_the_whole_is_computed(gpt2_folder):
    backbone = load_base(str(gpt2_folder)).network.transformer
    for places in ((), tuple(range(7))):
        batch = flatten([EncodedRow((BEGINNING,), places, (0,) * len(places))])
        assert reading_few(backbone, batch) is backbone


def test_what_the_last_block_drops_at_random_is_dropped_as_ever(gpt2_folder):
    network = load_base(str(gpt2_folder)).network
    batch = flatten([EncodedRow((BEGINNING,), (11,), (0,))])
    set_dropout(network, 0.5)
    assert reading_few(network.transformer.train(), batch) is network.transformer
    assert reading_few(network.transformer.eval(), batch) is not network.transformer


@pytest.mark.parametrize("kind", ["bloom", "mamba", "gpt_neo"])
def test_a_network_that_reads_otherwise_computes_the_whole(folder_of, kind):
    network = load_base(str(folder_of(kind))).network
    batch = flatten([EncodedRow((BEGINNING,), (11,), (0,))])
    with torch.no_grad():
        assert not network(batch).isnan().any()
