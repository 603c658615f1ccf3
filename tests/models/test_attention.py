"""Flat attention: what a full matrix of scores gives, masked so that no text sees another."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModel

from loratory.models.attention import (
    NAME,
    Scores,
    UnsupportedAttentionError,
    blockwise,
    flat_attention,
    one_by_one,
    texts_at,
)
from loratory.models.blocks import Blocks

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=5)


def bounds_of(lengths):
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    return tuple(zip([0, *ends[:-1]], ends, strict=True))


def tensors(tokens, heads=4, shared=2, width=4):
    """Return random query, key and value, in float64."""
    generator = torch.Generator().manual_seed(tokens)
    shapes = [(1, heads, tokens, width), (1, shared, tokens, width), (1, shared, tokens, width)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def by_the_full_matrix(query, key, value, *, lengths, window, scaling):
    """Return softmax(query key^T + mask) value, computed from the definition."""
    texts = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    place = torch.arange(len(texts))
    distance = place[:, None] - place[None, :]
    seen = (texts[:, None] == texts[None, :]) & (distance >= 0) & (distance < window)
    group = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
    scores = (query @ key.mT * scaling).masked_fill(~seen, -torch.inf)
    return (scores.softmax(-1) @ value).transpose(1, 2)


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, window=st.none() | st.integers(1, 14), scaling=st.none() | st.just(0.3))
def test_it_is_softmax_attention_within_each_text(lengths, window, scaling):
    query, key, value = tensors(sum(lengths))
    with texts_at(bounds_of(lengths)):
        found, _ = flat_attention(
            nn.Identity(), query, key, value, None, scaling=scaling, sliding_window=window
        )
    expected = by_the_full_matrix(
        query,
        key,
        value,
        lengths=lengths,
        window=window or math.inf,
        scaling=scaling or query.shape[-1] ** -0.5,
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def mixed_and_gradients(attend, parts):
    """Return the mixed values and the gradients of query, key and value."""
    leaves = [part.clone().requires_grad_() for part in parts]
    mixed = attend(*leaves)
    weights = torch.arange(mixed.numel(), dtype=mixed.dtype).cos().view_as(mixed)
    (mixed * weights).sum().backward()
    return [mixed.detach(), *(leaf.grad for leaf in leaves)]


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=9),
    window=st.none() | st.integers(1, 14),
    scaling=st.none() | st.just(0.3),
    shared=st.sampled_from([1, 2, 4]),
)
def test_blocks_of_texts_mix_what_each_text_alone_does(lengths, window, scaling, shared):
    parts = tensors(sum(lengths), shared=shared)
    scores = Scores(scaling=scaling, window=window)
    blocks = Blocks.of(lengths)
    found = mixed_and_gradients(lambda *p: blockwise(*p, scores, blocks), parts)
    expected = mixed_and_gradients(lambda *p: one_by_one(*p, scores, tuple(lengths)), parts)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_off_the_processor_texts_stand_in_blocks_that_are_made_once_for_all_layers(monkeypatch):
    made = []
    whole = Blocks.of
    monkeypatch.setattr(Blocks, "of", lambda *given: made.append(given) or whole(*given))
    query, key, value = (part.to("meta") for part in tensors(9))
    with texts_at(bounds_of([2, 3, 4])):
        for _ in range(3):
            found, _ = flat_attention(nn.Identity(), query, key, value, None)
    assert found.shape == (1, 9, 4, 4)
    assert made == [((2, 3, 4), torch.device("meta"))]


@pytest.mark.parametrize("asked", ["softcap", "s_aux", "position_bias"])
def test_what_is_not_computed_here_is_refused_and_never_left_out(asked):
    with texts_at(((0, 3),)), pytest.raises(UnsupportedAttentionError, match=asked):
        flat_attention(nn.Identity(), *tensors(3), None, **{asked: 30.0})


def test_a_setting_that_is_not_set_is_no_reason_to_refuse():
    with texts_at(((0, 3),)):
        plain, _ = flat_attention(nn.Identity(), *tensors(3), None)
        same, _ = flat_attention(nn.Identity(), *tensors(3), None, softcap=None)
    assert torch.equal(plain, same)


def test_the_bounds_of_one_call_are_gone_after_it():
    with texts_at(((0, 4),)):
        with texts_at(((0, 1), (1, 4))):
            inner, _ = flat_attention(nn.Identity(), *tensors(4), None)
        outer, _ = flat_attention(nn.Identity(), *tensors(4), None)
    assert not torch.allclose(inner, outer)
    with pytest.raises(LookupError):
        flat_attention(nn.Identity(), *tensors(4), None)


def test_transformers_calls_it_by_its_name_in_every_layer(base_folder):
    model = AutoModel.from_pretrained(base_folder, attn_implementation=NAME).eval()
    tokens, places = torch.arange(1, 8)[None], torch.tensor([[0, 1, 2, 0, 1, 2, 3]])
    with torch.no_grad(), texts_at(((0, 3), (3, 7))):
        found = model(tokens, position_ids=places, use_cache=False).last_hidden_state[0]
    model.set_attn_implementation("eager")
    with torch.no_grad():
        alone = [model(part).last_hidden_state[0] for part in (tokens[:, :3], tokens[:, 3:])]
    torch.testing.assert_close(found, torch.cat(alone))
