"""Virtual tokens: each text is read as transformers reads it alone behind what is put before it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, DynamicCache

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.models import attention
from loratory.models.blocks import Blocks
from loratory.models.growing_texts import KeptTexts, RereadTexts, growing_texts
from loratory.models.load import load_base
from loratory.models.past import Past
from loratory.models.virtual import Lengthened, Prefix, Prompt

COUNT = 3
LENGTHS = (4, 17, 1, 9)
# Above the rounding of float32 over two layers, and far below what a wrong token would change.
CLOSE = {"rtol": 1e-5, "atol": 2e-5}
FLAT = ["gpt2", "llama", "gpt_neox", "opt", "qwen2"]
PADDED = ["bloom", "falcon", "gemma2", "mamba", "mpt"]


def texts(*lengths):
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(320, (length,), generator=generator) for length in lengths]


def flat(tokens):
    return flatten([EncodedRow((tuple(text.tolist()),), (), ()) for text in tokens])


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


@torch.no_grad()
def virtual(kind, network, count=COUNT):
    """Return random virtual tokens of a kind."""
    if kind == "prompt":
        return Prompt(random(count, network.config.hidden_size))
    past = Past("cpu")
    network.begin(flat(texts(2)), past)
    heads, width = (past.buffers(0)[0].shape[side] for side in (1, 3))
    return Prefix.starting_as(random(network.config.num_hidden_layers, 2, heads, count, width))


def behind(stock, before, tokens):
    """Return the hidden states of a text's tokens alone, with a stock backbone; as it is public."""
    if isinstance(before, Prompt):
        own = stock.get_input_embeddings()(tokens)
        whole = torch.cat([before.prompt_embeddings, own])[None]
        return stock(inputs_embeds=whole, use_cache=False).last_hidden_state[0, COUNT:]
    kept = [(key[None], value[None]) for key, value in before.of_layers()]
    states = stock(tokens[None], past_key_values=DynamicCache(kept), use_cache=True)
    return states.last_hidden_state[0]


@pytest.fixture
def folder(request, folder_of):
    if request.param in ("gpt2", "llama"):
        return request.getfixturevalue(f"{request.param}_folder")
    return folder_of(request.param)


def prepared(folder, kind, **options):
    network = load_base(str(folder), **options).network
    network.virtual = virtual(kind, network)
    return network


def read(states, before):
    """Return states, and the gradients of the virtual tokens for a sum of them all."""
    weights = torch.arange(states.numel()).cos().view_as(states)
    before.zero_grad()
    (states * weights).sum().backward()
    return states.detach(), before.prompt_embeddings.grad.clone()


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5), count=st.integers(1, 4))
def test_virtual_places_stand_before_each_text(lengths, count):
    batch = flat(texts(*lengths))
    longer = Lengthened.of(batch, count)
    virtual_places, tokens = random(count, 2), random(sum(lengths), 2, 1)[:, :, 0]
    by_text = [torch.cat([virtual_places, text]) for text in tokens.split(lengths)]
    found = longer.join(virtual_places, tokens, dim=0)
    assert torch.equal(found, torch.cat(by_text))
    for (start, end), whole in zip(longer.bounds, by_text, strict=True):
        assert torch.equal(found[start:end], whole)
    assert torch.equal(longer.without_virtual(found, dim=0), tokens)
    sideways = longer.join(virtual_places.T, tokens.T, dim=1)
    assert torch.equal(sideways, found.T)
    places = [place for length in lengths for place in range(length + count)]
    assert longer.places(batch).tolist() == places


@pytest.mark.parametrize("in_blocks", [False, True], ids=["one by one", "in blocks"])
@pytest.mark.parametrize("kind", ["prompt", "prefix"])
@pytest.mark.parametrize("folder", FLAT, indirect=True)
def test_texts_are_read_as_if_alone_and_so_are_gradients(folder, kind, in_blocks, monkeypatch):
    network, stock = prepared(folder, kind), AutoModel.from_pretrained(folder).eval()
    assert network.flat
    if in_blocks:  # as they are off the processor
        monkeypatch.setattr(
            attention,
            "one_by_one",
            lambda q, k, v, scores, lengths: attention.blockwise(
                q, k, v, scores, Blocks.of(lengths)
            ),
        )
    before, tokens = network.virtual, texts(*LENGTHS)
    found = read(network(flat(tokens)), before)
    expected = read(torch.cat([behind(stock, before, text) for text in tokens]), before)
    torch.testing.assert_close(found[0], expected[0], **CLOSE)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-4)
    assert expected[1].abs().min() > 0


@pytest.mark.parametrize("folder", [*PADDED, "gpt_neo"], indirect=True)
def test_a_base_that_reads_otherwise_reads_behind_a_prompt_too(folder):
    network, stock = prepared(folder, "prompt"), AutoModel.from_pretrained(folder).eval()
    assert not network.keeps_past
    before, tokens = network.virtual, texts(*LENGTHS)
    found = read(network(flat(tokens)), before)
    expected = read(torch.cat([behind(stock, before, text) for text in tokens]), before)
    torch.testing.assert_close(found[0], expected[0], **CLOSE)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["prompt", "prefix"])
@pytest.mark.parametrize("folder", FLAT, indirect=True)
@torch.inference_mode()
def test_texts_that_grow_have_the_scores_of_texts_read_whole(folder, kind):
    network = prepared(folder, kind, language_head=True)
    kept, reread = growing_texts(network, tokens_at_once=20), RereadTexts(network, 20)
    assert isinstance(kept, KeptTexts)
    first, late = ([text.tolist() for text in texts(*some)] for some in ((5, 1, 12), (3,)))
    torch.testing.assert_close(kept.add(first), reread.add(first), **CLOSE)
    for rows, new in [([0, 1, 2], [1, 2, 3]), ([2, 0, 0], [4, 5, 6]), ([1, 2], [7, 8])]:
        for growing in (kept, reread):
            growing.select(rows)
        torch.testing.assert_close(kept.grow(new), reread.grow(new), **CLOSE)
    torch.testing.assert_close(kept.add(late), reread.add(late), **CLOSE)
    torch.testing.assert_close(kept.grow([9, 10, 11]), reread.grow([9, 10, 11]), **CLOSE)


@pytest.mark.parametrize("kind", ["prompt", "prefix"])
@torch.inference_mode()
def test_a_text_may_be_as_long_as_there_are_positions_left(gpt2_folder, kind):
    network = prepared(gpt2_folder, kind)
    assert network.positions == 64 - COUNT
    (longest,) = texts(network.positions)
    assert network(flat([longest])).isfinite().all()
    with pytest.raises(IndexError):
        network(flat(texts(network.positions + 1)))


@pytest.mark.parametrize("kind", ["prompt", "prefix"])
@torch.inference_mode()
def test_whether_texts_can_grow_is_found_out_however_few_positions_are_left(gpt2_folder, kind):
    network = load_base(str(gpt2_folder)).network
    network.virtual = virtual(kind, network, count=63)
    assert network.keeps_past
    assert network(flat(texts(1, 1))).shape == (2, 16)


@pytest.mark.parametrize("kind", ["prompt", "prefix"])
def test_they_train_in_float32_before_a_base_in_bfloat16(base_folder, kind):
    exact = prepared(base_folder, kind)
    network = prepared(base_folder, kind, dtype=torch.bfloat16)
    tokens = flat(texts(*LENGTHS))
    states = network(tokens)
    assert states.dtype == torch.bfloat16
    states.float().square().sum().backward()
    assert network.virtual.prompt_embeddings.grad.dtype == torch.float32
    rounding = (states - exact(tokens)).abs().max()
    assert 0 < rounding < 0.1 * states.abs().max()


def test_keys_and_values_computed_in_bfloat16_are_trained_in_float32():
    computed = random(2, 2, 2, COUNT, 4).bfloat16()
    prefix = Prefix.starting_as(computed)
    assert prefix.prompt_embeddings.dtype == torch.float32
    assert torch.equal(torch.stack([*prefix.of_layers()]), computed.float())
