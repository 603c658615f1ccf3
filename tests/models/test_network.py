"""The network: flat or padded, it computes what transformers computes for each text alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.models.load import load_base
from loratory.models.reading import read_flat, read_padded

READS_FLAT = ["gpt_neo", "gpt_neox", "mistral", "opt", "qwen2"]
READS_PADDED = {
    "bloom": "its attention adds a bias for the distance",
    "falcon": "it passes its attention a mask only",
    "gemma2": "its attention caps the scores",
    "mamba": "its state runs on from text to text",
    "mpt": "its attention adds a bias for the distance",
}
# Above the rounding of float32 over two layers, and far below what a wrong token would change.
CLOSE = {"rtol": 1e-5, "atol": 2e-5}


def texts(*lengths):
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(320, (length,), generator=generator) for length in lengths]


def flat(tokens):
    return flatten([EncodedRow((tuple(text.tolist()),), (), ()) for text in tokens])


@torch.no_grad()
def alone(stock, tokens):
    """Return the hidden states of a stock backbone that reads each text by itself."""
    read = [stock(text[None], use_cache=False).last_hidden_state[0] for text in tokens]
    return torch.cat(read)


@pytest.mark.parametrize("kind", [*READS_FLAT, *READS_PADDED])
def test_every_text_is_read_as_if_it_were_alone(folder_of, kind):
    tokens = texts(3, 40, 1, 17)
    network = load_base(str(folder_of(kind))).network
    expected = alone(AutoModel.from_pretrained(folder_of(kind)).eval(), tokens)
    with torch.no_grad():
        torch.testing.assert_close(network(flat(tokens)), expected, **CLOSE)


@pytest.mark.parametrize("kind", READS_FLAT)
def test_these_kinds_read_flat_batches(folder_of, kind):
    assert load_base(str(folder_of(kind))).network.flat


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", READS_PADDED)
def test_a_kind_that_flat_attention_would_change_reads_padded_ones(folder_of, kind, dtype):
    network = load_base(str(folder_of(kind)), dtype=dtype).network
    assert not network.flat
    assert network.config._attn_implementation in {"eager", "sdpa"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_both_layouts_read_flat_batches_in_every_precision(base_folder, dtype):
    assert load_base(str(base_folder), dtype=dtype).network.flat


@pytest.fixture(scope="module", params=["gpt2", "llama", "mistral"])
def pair(request, folder_of):
    """Return a network, and the stock backbone of the same weights."""
    known = request.param in ("gpt2", "llama")
    folder = (
        request.getfixturevalue(f"{request.param}_folder") if known else folder_of(request.param)
    )
    return load_base(str(folder)).network, AutoModel.from_pretrained(folder).eval()


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_no_text_feels_its_neighbours(pair, lengths):
    network, stock = pair
    tokens = texts(*lengths)
    with torch.no_grad():
        torch.testing.assert_close(network(flat(tokens)), alone(stock, tokens), **CLOSE)


def test_both_ways_to_read_agree(pair):
    network, stock = pair
    batch = flat(texts(5, 1, 30, 2))
    with torch.no_grad():
        flat_states = read_flat(network.get_submodule(network.prefix), batch)
        torch.testing.assert_close(flat_states, read_padded(stock, batch), **CLOSE)


def test_a_sliding_window_is_felt(folder_of):
    network = load_base(str(folder_of("mistral"))).network
    first, second = texts(30), texts(30)
    second[0][0] = (first[0][0] + 1) % 320
    with torch.no_grad():
        one, other = network(flat(first)), network(flat(second))
    # Two layers, each looking back over four tokens, itself included.
    assert torch.equal(one[7:], other[7:])
    assert not torch.equal(one[6], other[6])


def test_its_parameters_are_called_as_in_transformers(base_folder):
    network = load_base(str(base_folder)).network
    stock = AutoModel.from_pretrained(base_folder)
    expected = [f"{stock.base_model_prefix}.{name}" for name, _ in stock.named_parameters()]
    assert [name for name, _ in network.named_parameters()] == expected


def test_it_knows_which_layers_transformers_stores_transposed(gpt2_folder, llama_folder):
    gpt2, llama = (load_base(str(folder)).network for folder in (gpt2_folder, llama_folder))
    projections = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    names = {f"transformer.h.{layer}.{name}" for layer in range(2) for name in projections}
    assert gpt2.transposed == names
    assert not llama.transposed
