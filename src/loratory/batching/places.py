"""A place for each token of many texts, the same one in all that begin alike up to it.

What a causal network says of a token depends on nothing but the tokens up to it. Whatever is kept
of a token can be kept once for all texts that begin with these. Short beginnings have places in
each text, as in a tree: there they would gain little, and each text rounds in its own way.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loratory.batching.flat import FlatBatch
from loratory.batching.tree import LEAST_SHARED, Piece, Tokens, common_length


@dataclass(frozen=True)
class Places:
    """Where each token of these texts has its place."""

    of_text: Mapping[Tokens, NDArray[np.int32]]
    """The texts in sorted order, and the places of each one's tokens."""

    count: int
    """How many places there are."""

    @classmethod
    def of(cls, texts: Iterable[Tokens]) -> Self:
        """Give every token of `texts` its place."""
        of_text: dict[Tokens, NDArray[np.int32]] = {}
        before: Tokens = ()
        places, count = np.zeros(0, dtype=np.int32), 0
        # Among sorted texts none shares more with a text than the one before it.
        for text in sorted(set(texts)):
            common = common_length(before, text)
            shared = common if common >= LEAST_SHARED or common == len(before) else 0
            end = count + len(text) - shared
            places = np.concatenate([places[:shared], np.arange(count, end, dtype=np.int32)])
            of_text[text] = places
            before, count = text, end
        return cls(of_text, count)

    def ends(self) -> list[Tokens]:
        """Return the texts that no other begins with; they hold every place there is."""
        texts = list(self.of_text)
        return [
            text
            for text, after in zip(texts, [*texts[1:], ()], strict=True)
            if after[: len(text)] != text
        ]

    def of_batch(self, batch: FlatBatch) -> Tensor | None:
        """Return the place of every token of the batch, `[tokens]`; None where a text has none."""
        tokens = batch.input_ids.tolist()
        found = np.empty(len(tokens), dtype=np.int64)
        for way in ways(batch.pieces):
            text = tuple(token for piece in way for token in tokens[piece.start : piece.end])
            places = self.of_text.get(text)
            if places is None:
                return None
            done = 0
            for piece in way:
                length = piece.end - piece.start
                found[piece.start : piece.end] = places[done : done + length]
                done += length
        return torch.from_numpy(found)


def ways(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, ...]]:
    """Yield the pieces of each text that no other goes on from; `pieces` are in their order."""
    way: list[Piece] = []
    for piece in pieces:
        while way and way[-1].reach <= piece.start:
            way.pop()
        way.append(piece)
        if piece.reach == piece.end:
            yield tuple(way)
