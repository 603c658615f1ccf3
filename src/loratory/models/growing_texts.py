"""Texts that grow by one token at a time, and what may follow each of them.

Where the network keeps what it has read, a new token costs one token; elsewhere every text is read
anew each time. The scores are the same.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from loratory.batching.flat import flatten
from loratory.batching.plan import split_by_tokens
from loratory.batching.rows import EncodedRow
from loratory.batching.tree import Tokens, common_length
from loratory.models.network import Network
from loratory.models.past import GrowingTexts, Past
from loratory.models.reading import of_texts


def growing_texts(
    network: Network, *, tokens_at_once: int, texts: int = 1, tokens: int = 1
) -> GrowingTexts:
    """Return no text yet; `texts` of so many `tokens` are made room for, and more will fit."""
    if network.growing is not None:
        return network.growing(tokens_at_once)
    if network.keeps_past:
        past = Past(network.device, texts=texts, tokens=tokens)
        return KeptTexts(network, past, tokens_at_once)
    return RereadTexts(network, tokens_at_once)


class KeptTexts:
    """Growing texts of a network that keeps keys and values."""

    def __init__(self, network: Network, past: Past, tokens_at_once: int) -> None:
        self.network, self.past, self.tokens_at_once = network, past, tokens_at_once

    def add(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Begin further texts; return the scores of their next tokens, `[texts, vocabulary]`."""
        if self.network.shares:
            return self._add_together([tuple(text) for text in texts])
        states = []
        for part in split_by_tokens([len(text) for text in texts], self.tokens_at_once):
            batch = of_texts(texts[part], self.network.device)
            states.append(_last(self.network.begin(batch, self.past), texts[part]))
        return self.network.logits(torch.cat(states))

    def _add_together(self, texts: Sequence[Tokens]) -> Tensor:
        """Begin texts; what neighbours begin with in common is computed once."""
        common = [common_length(*pair) for pair in zip([(), *texts], texts, strict=False)]
        states = []
        for part in split_by_tokens(list(map(len, texts)), self.tokens_at_once, common):
            read = [EncodedRow((t,), tuple(range(len(t))), (0,) * len(t)) for t in texts[part]]
            batch = flatten(read, self.network.device, shared=True)
            ends = [end - 1 for end in accumulate(batch.counts)]
            states.append(self.network.begin_together(batch, self.past)[batch.read_at[ends]])
        return self.network.logits(torch.cat(states))

    def grow(self, tokens: Sequence[int]) -> Tensor:
        """Add a token to each text; return the scores of the next, `[texts, vocabulary]`."""
        new = torch.tensor([*tokens], device=self.network.device)
        return self.network.logits(self.network.grow(new, self.past))

    def select(self, texts: Sequence[int]) -> None:
        """Keep `texts`, in this order; one that is named twice goes on twice."""
        self.past.select(texts)


class RereadTexts:
    """Growing texts of a network that has to read them from the start each time."""

    def __init__(self, network: Network, tokens_at_once: int) -> None:
        self.network, self.tokens_at_once = network, tokens_at_once
        self.texts: list[tuple[int, ...]] = []

    def add(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Begin further texts; return the scores of their next tokens, `[texts, vocabulary]`."""
        self.texts += map(tuple, texts)
        return self._read(self.texts[-len(texts) :])

    def grow(self, tokens: Sequence[int]) -> Tensor:
        """Add a token to each text; return the scores of the next, `[texts, vocabulary]`."""
        self.texts = [(*text, new) for text, new in zip(self.texts, tokens, strict=True)]
        return self._read(self.texts)

    def select(self, texts: Sequence[int]) -> None:
        """Keep `texts`, in this order; one that is named twice goes on twice."""
        self.texts = [self.texts[text] for text in texts]

    def _read(self, texts: Sequence[Sequence[int]]) -> Tensor:
        states = []
        for part in split_by_tokens([len(text) for text in texts], self.tokens_at_once):
            batch = of_texts(texts[part], self.network.device)
            states.append(_last(self.network(batch), texts[part]))
        return self.network.logits(torch.cat(states))


def _last(hidden: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
    """Return the state of each text's last token: `[tokens, hidden]` to `[texts, hidden]`."""
    ends = [end - 1 for end in accumulate(map(len, texts))]
    return hidden[torch.tensor(ends, device=hidden.device)]
