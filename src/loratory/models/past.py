"""Keys and values of texts that grow, kept, so that a new token costs one token and not its text.

Of every attention, in the order in which the network calls them, the keys are one buffer
`[texts, heads, tokens, width]`, each text's from the left, and the values are another. A mask tells
where each text ends; no token is computed that no text has.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from loratory.batching.flat import FlatBatch
from loratory.models.attention import Scores, Texts, attending
from loratory.models.tree_attention import Branches

_BLOCK = 64


class GrowingTexts(Protocol):
    """A few texts, and the network that reads on in them."""

    def add(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Begin further texts; return the scores of their next tokens, `[texts, vocabulary]`."""

    def grow(self, tokens: Sequence[int]) -> Tensor:
        """Add a token to each text; return the scores of the next, `[texts, vocabulary]`."""

    def select(self, texts: Sequence[int]) -> None:
        """Keep `texts`, in this order; one that is named twice goes on twice."""


class Past:
    """What texts have read so far, in every layer. Room is made by blocks of tokens."""

    def __init__(self, device: torch.device | str, *, texts: int = 1, tokens: int = 1) -> None:
        """Begin without a text, and with room for so many, of so many tokens."""
        self.device = torch.device(device)
        self.lengths: list[int] = []
        """Tokens of each text."""
        self._layers: list[list[Tensor]] = []
        self._texts, self._tokens = 0, 0
        self.make_room(texts=texts, tokens=tokens)

    @contextmanager
    def reading(self, bounds: tuple[tuple[int, int], ...]) -> Iterator[None]:
        """Say that whole new texts are read around the call of the model, to be kept."""
        attend = Texts(bounds)
        with attending(_Reading(self, attend, attend.lengths)):
            yield
        self.lengths += attend.lengths

    @contextmanager
    def reading_together(self, batch: FlatBatch) -> Iterator[None]:
        """Say the same of new texts that share beginnings; each is read at all of its tokens.

        What they share is computed once; every text gets keys and values of its own.
        """
        with attending(_Reading(self, Branches(batch), batch.counts, batch.read_at)):
            yield
        self.lengths += batch.counts

    @contextmanager
    def growing(self) -> Iterator[None]:
        """Say that one further token of every text is read around the call of the model."""
        with attending(_Growing(self)):
            yield
        self.lengths = [length + 1 for length in self.lengths]

    def select(self, texts: Sequence[int]) -> None:
        """Keep `texts`, in this order; one that is named twice goes on twice."""
        self.make_room(texts=len(texts), tokens=0)
        longest = max(self.lengths, default=0)
        self.lengths = [self.lengths[text] for text in texts]
        # Only what changes its place is copied: of texts that end, few others have to move.
        moved = [(to, text) for to, text in enumerate(texts) if to != text]
        if not moved:
            return
        to, source = (torch.tensor(side, device=self.device) for side in zip(*moved, strict=True))
        for layer in range(len(self._layers)):
            for buffer in self.buffers(layer):
                used = buffer[:, :, :longest]
                used[to] = used[source]

    def make_room(self, *, texts: int, tokens: int) -> None:
        """Let there be room for so many texts, of so many tokens."""
        self._texts = max(self._texts, texts)
        self._tokens = max(self._tokens, math.ceil(tokens / _BLOCK) * _BLOCK)

    def buffers(self, layer: int, like: Sequence[Tensor] = ()) -> list[Tensor]:
        """Return keys and values of `layer`; those of a new layer get their form from `like`."""
        if layer == len(self._layers):
            self._layers.append(
                [part.new_empty(0, part.shape[1], 0, part.shape[3]) for part in like]
            )
        self._layers[layer] = [self._roomy(buffer) for buffer in self._layers[layer]]
        return self._layers[layer]

    def _roomy(self, buffer: Tensor) -> Tensor:
        texts, heads, tokens, width = buffer.shape
        if texts >= self._texts and tokens >= self._tokens:
            return buffer
        # Zeros: what the mask hides is multiplied by nought, which not every number survives.
        larger = buffer.new_zeros(self._texts, heads, self._tokens, width)
        larger[:texts, :, :tokens] = buffer
        return larger


class _Kept:
    """Puts the keys and values of the tokens that are read into one layer after the other."""

    def __init__(
        self,
        past: Past,
        texts: Sequence[int],
        places: Sequence[int],
        read_at: Tensor | None = None,
    ) -> None:
        past.make_room(texts=max(texts) + 1, tokens=max(places) + 1)
        self.past, self.layers, self.read_at = past, count(), read_at
        self.texts = torch.tensor(texts, device=past.device)
        self.places = torch.tensor(places, device=past.device)

    def keep(self, key: Tensor, value: Tensor) -> list[Tensor]:
        """Return the next layer's buffers with `[1, heads, tokens, width]` put in."""
        buffers = self.past.buffers(next(self.layers), like=(key, value))
        for buffer, part in zip(buffers, (key, value), strict=True):
            tokens = part[0].transpose(0, 1)
            found = tokens if self.read_at is None else tokens[self.read_at]
            buffer[self.texts, :, self.places] = found
        return buffers


class _Reading:
    """Attention of whole texts, each to itself, that keeps keys and values.

    `read_at` is where the texts' tokens stand, text by text; None: one after the other.
    """

    def __init__(
        self,
        past: Past,
        attend: Texts | Branches,
        lengths: Sequence[int],
        read_at: Tensor | None = None,
    ) -> None:
        self.attend = attend
        spans = list(enumerate(lengths, start=len(past.lengths)))
        texts = [text for text, length in spans for _ in range(length)]
        places = [place for _, length in spans for place in range(length)]
        self.kept = _Kept(past, texts, places, read_at)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        """Return the mixed values, `[1, heads, tokens, width]`."""
        self.kept.keep(key, value)
        return self.attend(query, key, value, scores)


class _Growing:
    """Attention of each text's new token to the whole text."""

    def __init__(self, past: Past) -> None:
        self.kept = _Kept(past, range(len(past.lengths)), past.lengths)
        self.longest = max(past.lengths) + 1
        self.masks: dict[int | None, Tensor] = {}

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        """Return the mixed values, `[1, heads, texts, width]`."""
        texts, shared = query.shape[2], key.shape[1]
        keys, values = (buffer[:texts, :, : self.longest] for buffer in self.kept.keep(key, value))
        # The query heads that share a key stand where several tokens of a text would.
        grouped = query[0].transpose(0, 1).unflatten(1, (shared, -1))
        mixed = F.scaled_dot_product_attention(
            grouped,
            keys,
            values,
            attn_mask=self._mask(scores.window),
            dropout_p=scores.dropout,
            scale=scores.scaling,
        )
        return mixed.flatten(1, 2).transpose(0, 1)[None]

    def _mask(self, window: int | None) -> Tensor:
        """Return what each text's new token sees, `[texts, 1, 1, longest]`; once for all layers."""
        if window not in self.masks:
            newest = self.kept.places[:, None]
            places = torch.arange(self.longest, device=newest.device)[None]
            seen = places <= newest
            if window is not None:
                seen &= places > newest - window
            self.masks[window] = seen[:, None, None]
        return self.masks[window]
