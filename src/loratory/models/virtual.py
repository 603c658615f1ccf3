"""Virtual tokens: what is trained stands before every text, as if the text began with it.

Prompt tuning puts vectors before the embeddings of each text (Lester et al. 2021, "The Power of
Scale for Parameter-Efficient Prompt Tuning", arXiv:2104.08691). Prefix tuning puts keys and values
before those of each text in every layer (Li and Liang 2021, "Prefix-Tuning: Optimizing Continuous
Prompts for Generation", arXiv:2101.00190). With either, a text's own places begin behind them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import torch
from torch import Tensor, nn

from loratory.batching.flat import FlatBatch
from loratory.models.attention import Attend, Scores, attending_through


@dataclass(frozen=True)
class Lengthened:
    """A flat sequence of which every text has `count` more places before it."""

    count: int

    bounds: tuple[tuple[int, int], ...]
    """First place and end of each text, what stands before it included."""

    order: Tensor
    """Where the longer sequence takes its places from: out of the virtual ones of all texts and,
    behind them, the tokens, `[places]`. Each is taken once, so that gradients need no adding up."""

    real: Tensor
    """For each token its place in the longer sequence, `[tokens]`."""

    @classmethod
    def of(cls, batch: FlatBatch, count: int) -> Self:
        """Make room for `count` virtual tokens before each text of `batch`."""
        lengths = [end - start for start, end in batch.bounds]
        ends = list(accumulate(length + count for length in lengths))
        starts = [0, *ends[:-1]]
        before = torch.arange(1, len(lengths) + 1).repeat_interleave(torch.tensor(lengths))
        real = torch.arange(len(batch)) + count * before
        virtual = (torch.tensor(starts)[:, None] + torch.arange(count)).flatten()
        order = torch.cat([virtual, real]).argsort()
        device = batch.input_ids.device
        bounds = tuple(zip(starts, ends, strict=True))
        return cls(count, bounds, order.to(device), real.to(device))

    def join(self, virtual: Tensor, tokens: Tensor, dim: int) -> Tensor:
        """Put `virtual` before the tokens of each text; both lie along `dim`.

        E.g. `[count, width]` and `[tokens, width]` give `[places, width]`.
        """
        texts = len(self.bounds)
        shape = (*virtual.shape[:dim], texts, *virtual.shape[dim:])
        repeated = virtual.unsqueeze(dim).expand(shape).flatten(dim, dim + 1)
        return torch.cat([repeated, tokens], dim).index_select(dim, self.order)

    def without_virtual(self, sequence: Tensor, dim: int) -> Tensor:
        """Return the tokens of a longer sequence that lies along `dim`."""
        return sequence.index_select(dim, self.real)

    def places(self, batch: FlatBatch) -> Tensor:
        """Return the place of each virtual or real token in its text, `[places]`."""
        virtual = torch.arange(self.count, device=batch.position_ids.device)
        return self.join(virtual, batch.position_ids + self.count, dim=0)


class Prompt(nn.Module):
    """Vectors that stand before the embeddings of each text, `[count, width]`."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.prompt_embeddings = nn.Parameter(start)

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.prompt_embeddings)

    def before(self, embedded: Tensor, longer: Lengthened) -> Tensor:
        """Return the embeddings of the longer sequence: `[tokens, width]` to `[places, width]`."""
        return longer.join(self.prompt_embeddings.to(embedded.dtype), embedded, dim=0)


class Prefix(nn.Module):
    """Keys and values of every layer that stand before those of each text.

    They are one matrix `[count, layers * 2 * heads * width]`, in the order in which PEFT keeps
    them; `heads` are those of keys and values.
    """

    def __init__(self, start: Tensor, *, heads: int, width: int) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.prompt_embeddings = nn.Parameter(start)

    @classmethod
    def starting_as(cls, keys_and_values: Tensor) -> Self:
        """Start as the keys and values of a text, `[layers, 2, heads, count, width]`."""
        _, _, heads, count, width = keys_and_values.shape
        start = keys_and_values.permute(3, 0, 1, 2, 4).reshape(count, -1)
        return cls(start.float().contiguous(), heads=heads, width=width)

    @property
    def count(self) -> int:
        """How many keys a layer has."""
        return len(self.prompt_embeddings)

    @property
    def layers(self) -> int:
        """How many layers there are."""
        return self.prompt_embeddings.shape[1] // (2 * self.heads * self.width)

    def before(self, longer: Lengthened) -> AbstractContextManager[None]:
        """Say, within what says how the longer sequence attends, that only tokens are given."""
        return attending_through(lambda attend: _Behind(self, longer, attend))

    def of_layers(self) -> Iterator[Tensor]:
        """Yield the keys and values of each layer, `[2, heads, count, width]`."""
        shape = (self.count, self.layers, 2, self.heads, self.width)
        yield from self.prompt_embeddings.view(shape).permute(1, 2, 3, 0, 4).unbind()


class _Behind:
    """Attention of texts to the prefix and to themselves, one layer after the other."""

    def __init__(self, prefix: Prefix, longer: Lengthened, attend: Attend) -> None:
        self.layers, self.longer, self.attend = prefix.of_layers(), longer, attend

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        """Return the mixed values of the tokens, `[1, heads, tokens, width]`."""
        first_key, first_value = next(self.layers).to(key.dtype)[:, None]
        # Nobody reads what the virtual places ask for.
        nothing = query.new_zeros(1, query.shape[1], self.longer.count, query.shape[3])
        mixed = self.attend(
            self.longer.join(nothing, query, dim=2),
            self.longer.join(first_key, key, dim=2),
            self.longer.join(first_value, value, dim=2),
            scores,
        )
        return self.longer.without_virtual(mixed, dim=2)
