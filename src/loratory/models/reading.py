"""How a backbone is run over texts: as one flat sequence, or side by side and padded."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from loratory.batching.flat import FlatBatch, flatten
from loratory.batching.rows import EncodedRow
from loratory.models.attention import texts_at
from loratory.models.tree_attention import branching


def of_texts(texts: Sequence[Sequence[int]], device: torch.device | str) -> FlatBatch:
    """Lay texts end to end that are read at no place in particular."""
    return flatten([EncodedRow((tuple(text),), (), ()) for text in texts], device)


def read_flat(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Run the backbone once over the flat sequence, `[tokens, hidden]`."""
    with branching(batch) if batch.branches else texts_at(batch.bounds):
        return flat_states(backbone, batch.position_ids, input_ids=batch.input_ids)


def read_padded(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Run the backbone over padded texts, for models whose attention cannot be replaced.

    Texts are padded at the end, with a token that the mask hides; the result has real tokens only,
    `[tokens, hidden]`.
    """
    return padded_states(backbone, batch.bounds, input_ids=batch.input_ids)


def flat_states(backbone: nn.Module, places: Tensor, **inputs: Tensor) -> Tensor:
    """Run the backbone over `input_ids`, `[tokens]`, or `inputs_embeds`, `[tokens, width]`."""
    whole = {name: part[None] for name, part in inputs.items()}
    output = backbone(**whole, position_ids=places[None], use_cache=False)
    hidden: Tensor = output.last_hidden_state[0]
    return hidden


def padded_states(
    backbone: nn.Module, bounds: tuple[tuple[int, int], ...], **inputs: Tensor
) -> Tensor:
    """Run the backbone over texts side by side; `inputs` are those of `flat_states`."""
    padded = {
        name: pad_sequence([part[start:end] for start, end in bounds], batch_first=True)
        for name, part in inputs.items()
    }
    (device,) = {part.device for part in inputs.values()}
    ones = [torch.ones(end - start, dtype=torch.long, device=device) for start, end in bounds]
    real = pad_sequence(ones, batch_first=True)
    output = backbone(**padded, attention_mask=real, use_cache=False)
    hidden: Tensor = output.last_hidden_state[real.bool()]
    return hidden


def embed(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Return the embedding of every token, `[tokens, width]`."""
    embedding: Any = backbone
    found: Tensor = embedding.get_input_embeddings()(batch.input_ids)
    return found
