"""The network: a transformers backbone that reads flat batches, and the heads a task adds.

Its parameters carry the names they have in transformers' own classes (`model.layers.0…`,
`transformer.h.0…`, `score.weight`), so that what is saved needs no translation.
"""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from loratory.batching.flat import FlatBatch
from loratory.models.attention import NAME, UnsupportedAttentionError, texts_at

# Rounding apart, both layouts compute the same; a real difference is many times larger.
_PROBE_TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.bfloat16: 0.1}


class Network(nn.Module):
    """A backbone and its heads. `network(batch)` is the hidden state of every token.

    `transposed` are the backbone's layers that transformers stores as `Conv1D`.
    """

    def __init__(self, backbone: nn.Module, transposed: Collection[str] = ()) -> None:
        super().__init__()
        self.prefix = str(backbone.base_model_prefix)
        self.add_module(self.prefix, backbone)
        self.transposed = frozenset(f"{self.prefix}.{name}" for name in transposed)
        self.flat = _reads_flat_batches(backbone)

    @property
    def config(self) -> Any:
        """The backbone's transformers configuration."""
        return self.get_submodule(self.prefix).config

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Put the weights on `device` as `dtype`; tables such as rotary frequencies stay exact."""
        self.to(device)
        for parameter in self.parameters():
            parameter.data = parameter.data.to(dtype)

    def forward(self, batch: FlatBatch) -> Tensor:
        """Return the last hidden state of every token, `[tokens, hidden]`."""
        read = read_flat if self.flat else read_padded
        return read(self.get_submodule(self.prefix), batch)


def read_flat(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Run the backbone once over the flat sequence, `[tokens, hidden]`."""
    with texts_at(batch.bounds):
        output = backbone(
            input_ids=batch.input_ids[None],
            position_ids=batch.position_ids[None],
            use_cache=False,
        )
    hidden: Tensor = output.last_hidden_state[0]
    return hidden


def read_padded(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Run the backbone over padded texts, for models whose attention cannot be replaced.

    Texts are padded at the end, with a token that the mask hides; the result has real tokens only,
    `[tokens, hidden]`.
    """
    texts = [batch.input_ids[start:end] for start, end in batch.bounds]
    real = pad_sequence([torch.ones_like(text) for text in texts], batch_first=True)
    output = backbone(
        input_ids=pad_sequence(texts, batch_first=True), attention_mask=real, use_cache=False
    )
    hidden: Tensor = output.last_hidden_state[real.bool()]
    return hidden


@torch.no_grad()
def _reads_flat_batches(backbone: nn.Module) -> bool:
    """Switch the backbone to flat attention where that leaves its output as it was."""
    model: Any = backbone
    if not hasattr(model, "set_attn_implementation"):
        return False
    batch = _probe(int(model.config.vocab_size), next(model.parameters()).device)
    before, usual = read_padded(model, batch), model.config._attn_implementation
    try:
        model.set_attn_implementation(NAME)
        after = read_flat(model, batch)
    except (UnsupportedAttentionError, ValueError, TypeError):
        model.set_attn_implementation(usual)
        return False
    scale = before.abs().max().clamp(min=1.0)
    same = bool((before - after).abs().max() <= _PROBE_TOLERANCE[before.dtype] * scale)
    if not same:
        model.set_attn_implementation(usual)
    return same


def _probe(vocabulary: int, device: torch.device) -> FlatBatch:
    """Return three short texts of arbitrary tokens."""
    lengths = (5, 1, 9)
    tokens = torch.arange(1, 1 + sum(lengths), device=device) * 7919 % vocabulary
    positions = torch.cat([torch.arange(length, device=device) for length in lengths])
    nothing = torch.zeros(0, dtype=torch.long, device=device)
    return FlatBatch(tokens, positions, ((0, 5), (5, 6), (6, 15)), nothing, nothing)
