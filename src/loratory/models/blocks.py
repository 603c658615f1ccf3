"""Texts of about one length side by side: what a flat sequence is, as a few rectangles.

A text of n tokens stands in the block whose side is the next power of two, so that less than half
of a block is filling, and a batch has no more blocks than its longest text has bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Blocks:
    """Where the tokens of each block stand in the flat sequence, and the way back."""

    places: tuple[Tensor, ...]
    """For each block the place of each of its tokens, `[texts, longest]`; behind the end of a text
    its last token is repeated."""

    back: Tensor
    """For each token of the sequence its place among the tokens of all blocks, `[tokens]`."""

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device | str = "cpu") -> Self:
        """Return the blocks of texts that lie end to end."""
        starts = [0, *accumulate(lengths)]
        sides = [(length - 1).bit_length() for length in lengths]
        places, back, filled = [], torch.empty(starts[-1], dtype=torch.long), 0
        for side in sorted(set(sides)):
            texts = [text for text, found in enumerate(sides) if found == side]
            start = torch.tensor([starts[text] for text in texts])[:, None]
            length = torch.tensor([lengths[text] for text in texts])[:, None]
            within = torch.arange(int(length.max()))[None]
            block = start + within.minimum(length - 1)
            real = within < length
            back[block[real]] = filled + torch.arange(block.numel()).view_as(block)[real]
            filled += block.numel()
            places.append(block.to(device))
        return cls(tuple(places), back.to(device))
