"""The last block, computed for those tokens alone at which the network is read.

Behind it nothing looks at any other token: of these the last block makes keys and values, and no
query, no attention and no feed-forward part, which is most of a block. Classification reads one
token of a text.

The model's own code does it, called twice. At first for all tokens, up to where it attends: there
keys and values are taken, and the call is left. Then for the tokens that are read, and now
attention gives them those keys and values. A state that nobody asked for comes out as no number
(NaN); until behind the last norm it is nought, which leaves the norm's own gradient as it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loratory.batching.flat import FlatBatch
from loratory.models.attention import Scores, attending
from loratory.models.reading import read_flat
from loratory.models.stack import blocks_of, is_random, name_of_blocks, with_blocks

# Where more tokens are read than this part of all, the whole block is as fast.
_FEW = 1 / 2


def read_few(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Return the last hidden states where the batch is read, NaN elsewhere, `[tokens, hidden]`.

    Where that would gain nothing, all of them are computed.
    """
    few = reading_few(backbone, batch)
    states = read_flat(few, batch)
    if few is backbone:
        return states
    unread = torch.ones(len(batch), 1, dtype=torch.bool, device=states.device)
    return states.masked_fill(unread.index_fill(0, batch.read_at, value=False), torch.nan)


def reading_few(backbone: nn.Module, batch: FlatBatch) -> nn.Module:
    """Return the backbone for one reading of the batch at `batch.read_at` and nowhere else.

    It is `backbone` itself where that would gain nothing, or change what is dropped at random.
    """
    name = name_of_blocks(backbone)
    if name is None or not 0 < len(batch.read_at) <= _FEW * len(batch):
        return backbone
    *blocks, last = blocks_of(backbone, name)
    if backbone.training and any(map(is_random, last.modules())):
        return backbone
    return with_blocks(backbone, name, [*blocks, _LastBlock(last, batch)])


class _LastBlock(nn.Module):
    """A block that is computed at some tokens of a batch."""

    def __init__(self, block: nn.Module, batch: FlatBatch) -> None:
        super().__init__()
        self.block, self.batch = block, batch

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return the block's states, `[1, tokens, hidden]`, in a tuple if the block does."""
        size = len(self.batch)
        # Each once: rows that are the same are read at the same token.
        read = self.batch.read_at.unique()
        with _kept() as kept:
            self.block(hidden_states, *args, **kwargs)
        few, few_args, few_kwargs = _at(read, (hidden_states, args, kwargs), size)
        with attending(_ToKept(kept, self.batch, read)):
            found = self.block(few, *few_args, **few_kwargs)
        in_tuple = isinstance(found, tuple)
        states = found[0] if in_tuple else found
        whole = states.new_zeros(1, size, states.shape[-1])
        whole = whole.index_copy(1, read, states)
        return (whole, *found[1:]) if in_tuple else whole


class _Left(Exception):  # noqa: N818 - nothing is wrong
    """The block has said all that was to be heard."""


@contextmanager
def _kept() -> Iterator[list[Tensor]]:
    """Put the first key and value that attention is given into a list, and leave the call."""
    kept: list[Tensor] = []

    def keep(query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        del query, scores
        kept.extend((key, value))
        raise _Left

    try:
        with attending(keep):
            yield kept
    except _Left:
        pass


class _ToKept:
    """Attention of a few tokens to all of their own text that come before."""

    def __init__(self, kept: Sequence[Tensor], batch: FlatBatch, read: Tensor) -> None:
        self.kept, self.batch, self.read = kept, batch, read

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, scores: Scores) -> Tensor:
        """Return the mixed values, `[1, heads, tokens that are read, width]`."""
        del key, value
        keys, values = self.kept
        return F.scaled_dot_product_attention(
            query,
            keys,
            values,
            attn_mask=self._seen(scores.window),
            dropout_p=scores.dropout,
            scale=scores.scaling,
            enable_gqa=query.shape[1] != keys.shape[1],
        )

    def _seen(self, window: int | None) -> Tensor:
        """Return which tokens each one sees, `[tokens that are read, tokens]`."""
        batch, read, device = self.batch, self.read[:, None], self.read.device
        sizes = torch.tensor([piece.end - piece.start for piece in batch.pieces])
        reach = torch.tensor([piece.reach for piece in batch.pieces]).repeat_interleave(sizes)
        # What goes on from a piece stands behind it, and ends where the piece's reach does.
        at = torch.arange(len(batch), device=device)
        seen = (at <= read) & (read < reach.to(device))
        if window is not None:
            places = batch.position_ids
            seen &= places[self.read][:, None] - places < window
        return seen


def _at(read: Tensor, given: Any, size: int) -> Any:
    """Return what is given to a block, with tensors of `size` tokens cut down to those read."""
    match given:
        case Tensor() if given.ndim == 1 and len(given) == size:
            return given[read]
        case Tensor() if given.ndim > 1 and given.shape[1] == size:
            return given[:, read]
        case tuple():
            return tuple(_at(read, part, size) for part in given)
        case dict():
            return {name: _at(read, part, size) for name, part in given.items()}
        case _:
            return given
