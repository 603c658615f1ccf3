"""The network: a transformers backbone that reads flat batches, and the heads a task adds.

Its parameters carry the names they have in transformers' own classes (`model.layers.0…`,
`transformer.h.0…`, `lm_head.weight`, `score.weight`), so that what is saved needs no translation.
"""

import sys
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loratory.batching.flat import FlatBatch
from loratory.models.attention import texts_at
from loratory.models.last_block import read_few
from loratory.models.past import GrowingTexts, Past
from loratory.models.product import frozen_linear
from loratory.models.reading import (
    embed,
    flat_states,
    of_texts,
    padded_states,
    read_padded,
)
from loratory.models.tree_attention import branching
from loratory.models.trials import branches, grows, probe_texts, reads_few, reads_flat_batches
from loratory.models.virtual import Lengthened, Prefix, Prompt
from loratory.models.vocabulary import TokenScores, frozen_token_scores

Attending = Callable[[tuple[tuple[int, int], ...]], AbstractContextManager[None]]
"""Says, around the call of the model, how texts between such bounds attend."""


class Network(nn.Module):
    """A backbone and its heads. `network(batch)` is the hidden state of every token that is read.

    `transposed` are the backbone's layers that transformers stores as `Conv1D`. Whether it reads
    flat batches is tried out, unless `flat` says so.
    """

    def __init__(
        self, backbone: nn.Module, transposed: Collection[str] = (), *, flat: bool | None = None
    ) -> None:
        super().__init__()
        self.prefix = str(backbone.base_model_prefix)
        self.add_module(self.prefix, backbone)
        self.transposed = frozenset(f"{self.prefix}.{name}" for name in transposed)
        self.flat = reads_flat_batches(backbone) if flat is None else flat
        self.language_head: str | None = None
        """Name of the projection onto the vocabulary, where the base came with it."""

        self.virtual: Prompt | Prefix | None = None
        """What stands before every text, where a method put something there."""

        self.growing: Callable[[int], GrowingTexts] | None = None
        """Makes texts that grow in a way of the backbone's own, of so many tokens at once; None: as
        any others."""

        self.kept: Callable[[FlatBatch], Tensor | None] | None = None
        """Reads batches of which some work is done already, as `forward` does; None: any other."""

    @property
    def config(self) -> Any:
        """The backbone's transformers configuration."""
        return self.get_submodule(self.prefix).config

    @property
    def positions(self) -> int:
        """Tokens of the longest text the network can read."""
        taken = self.virtual.count if self.virtual is not None else 0
        return positions_of(self.config) - taken

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @cached_property
    def keeps_past(self) -> bool:
        """Whether a text can grow token by token over the keys and values of those before."""
        return self.flat and grows(self.get_submodule(self.prefix))

    @property
    def shares(self) -> bool:
        """Whether texts that begin alike can be read as a tree: then rows may be laid out so."""
        usable = self.flat and self.virtual is None and self.device.type == "cpu"
        return usable and self._branches

    @cached_property
    def _branches(self) -> bool:
        return branches(self.get_submodule(self.prefix))

    @cached_property
    def reads_few(self) -> bool:
        """Whether the last block can be left out at tokens that nobody reads, in texts alone."""
        return self.flat and reads_few(self.get_submodule(self.prefix))

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Put the weights on `device` as `dtype`; tables such as rotary frequencies stay exact."""
        self.to(device)
        for parameter in self.parameters():
            parameter.data = parameter.data.to(dtype)

    def forward(self, batch: FlatBatch) -> Tensor:
        """Return the last hidden state of every token, `[tokens, hidden]`.

        Of a batch that says where it is read, those of other tokens may be missing (NaN).
        """
        if self.kept is not None and (states := self.kept(batch)) is not None:
            return states
        if self.virtual is None and len(batch.read_at) and self.reads_few:
            return read_few(self.get_submodule(self.prefix), batch)
        if self.flat:
            return self._read_whole(batch, texts_at)
        backbone = self.get_submodule(self.prefix)
        if isinstance(self.virtual, Prompt):
            longer = Lengthened.of(batch, self.virtual.count)
            embedded = self.virtual.before(embed(backbone, batch), longer)
            states = padded_states(backbone, longer.bounds, inputs_embeds=embedded)
            return longer.without_virtual(states, dim=0)
        return read_padded(backbone, batch)

    def begin(self, batch: FlatBatch, past: Past) -> Tensor:
        """Read whole texts, which `past` keeps; return `[tokens, hidden]`.

        What stands before a text is kept too, and counts as a part of it.
        """
        return self._read_whole(batch, past.reading)

    def begin_together(self, batch: FlatBatch, past: Past) -> Tensor:
        """Read whole texts that may share beginnings; the batch reads each at all of its tokens.

        As `begin` otherwise, for a network that `shares`.
        """
        with past.reading_together(batch):
            return flat_states(
                self.get_submodule(self.prefix), batch.position_ids, input_ids=batch.input_ids
            )

    def grow(self, tokens: Tensor, past: Past) -> Tensor:
        """Read one further token of each text of `past`; `[texts]` gives `[texts, hidden]`."""
        places = torch.tensor(past.lengths, device=tokens.device)
        with past.growing():
            return flat_states(self.get_submodule(self.prefix), places, input_ids=tokens)

    def _read_whole(self, batch: FlatBatch, attending: Attending) -> Tensor:
        backbone = self.get_submodule(self.prefix)
        match self.virtual:
            case None:
                with branching(batch) if batch.branches else attending(batch.bounds):
                    return flat_states(backbone, batch.position_ids, input_ids=batch.input_ids)
            case Prompt() as prompt:
                longer = Lengthened.of(batch, prompt.count)
                embedded = prompt.before(embed(backbone, batch), longer)
                with attending(longer.bounds):
                    states = flat_states(backbone, longer.places(batch), inputs_embeds=embedded)
                return longer.without_virtual(states, dim=0)
            case Prefix() as prefix:
                longer = Lengthened.of(batch, prefix.count)
                places = batch.position_ids + prefix.count
                with attending(longer.bounds), prefix.before(longer):
                    return flat_states(backbone, places, input_ids=batch.input_ids)

    def add_language_head(self, name: str, head: nn.Linear | nn.Identity) -> None:
        """Take the base's projection onto the vocabulary; it may share the embedding's weight.

        It is the identity where the backbone ends in scores.
        """
        self.add_module(name, head)
        self.language_head = name

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the scores of what follows: `[positions, hidden]` to `[positions, vocabulary]`.

        They are float32 at least, computed in the weights' own number format.
        """
        head = self._head()
        if isinstance(head, nn.Identity):
            return hidden
        x = hidden.to(head.weight.dtype)
        found: Tensor = head(x) if _trains(head) else frozen_linear(x, head.weight, head.bias)
        return found.to(torch.promote_types(found.dtype, torch.float32))

    def token_scores(self, hidden: Tensor, tokens: Tensor) -> TokenScores:
        """Return what the network says of tokens that follow: `[positions, hidden]`, `[positions]`.

        They are those of `logits`, which are not made where the projection is frozen.
        """
        head = self._head()
        if isinstance(head, nn.Identity) or _trains(head):
            logits = self.logits(hidden)
            log_p = -F.cross_entropy(logits, tokens, reduction="none")
            return TokenScores(log_p, logits.gather(1, tokens[:, None])[:, 0] >= logits.amax(1))
        x = hidden.to(head.weight.dtype)
        return frozen_token_scores(x, head.weight, head.bias, tokens)

    def _head(self) -> nn.Linear | nn.Identity:
        if self.language_head is None:
            raise TypeError("the base was loaded without its language head")
        head = self.get_submodule(self.language_head)
        assert isinstance(head, nn.Linear | nn.Identity)
        return head


def _trains(head: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in head.parameters())


def positions_of(config: Any) -> int:
    """Return the most tokens of a text; a recurrent network has no limit, nor has Bloom."""
    last_resort = getattr(config, "max_seq_len", sys.maxsize)
    return int(getattr(config, "max_position_embeddings", last_resort))


def probe_batch(network: Network) -> FlatBatch:
    """Return a few short texts of arbitrary tokens, to see what a network does with them."""
    return of_texts(probe_texts(int(network.config.vocab_size)), network.device)
