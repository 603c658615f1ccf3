"""Blocks: every token of every text is in them once, and less than half of them is filling."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.models.blocks import Blocks

LENGTHS = st.lists(st.integers(1, 70), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS)
def test_the_way_back_leads_to_each_token_in_its_order(lengths):
    blocks = Blocks.of(lengths)
    places = torch.cat([block.flatten() for block in blocks.places])
    assert torch.equal(places[blocks.back], torch.arange(sum(lengths)))


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS)
def test_a_row_of_a_block_is_a_text_with_its_last_token_repeated(lengths):
    texts = torch.arange(sum(lengths)).split(lengths)
    rows = [row for block in Blocks.of(lengths).places for row in block]
    assert len(rows) == len(lengths)
    for row in rows:
        (text,) = (text for text in texts if text[0] == row[0])
        assert torch.equal(row[: len(text)], text)
        assert (row[len(text) :] == text[-1]).all()


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS)
def test_less_than_half_of_a_block_is_filling_and_blocks_are_few(lengths):
    blocks = Blocks.of(lengths).places
    for block in blocks:
        real = sum(len(row.unique()) for row in block)
        assert real > block.numel() / 2
        assert (block[:, -1] > block[:, -2]).any() if block.shape[1] > 1 else True
    assert len(blocks) <= max(lengths).bit_length() + 1
