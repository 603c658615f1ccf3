"""What a backbone can do is tried out on a few short texts, not looked up by its name.

Rounding apart, all ways to read compute the same, and where one does not, another is taken.
"""

from typing import Any

import torch
from torch import Tensor, nn

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.models.attention import NAME, UnsupportedAttentionError
from loratory.models.int8_linear import Int8Linear
from loratory.models.last_block import read_few
from loratory.models.past import Past
from loratory.models.reading import flat_states, of_texts, read_flat, read_padded
from loratory.models.rounding import Rounding

# A real difference is many times larger.
_TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.bfloat16: 0.1}


@torch.no_grad()
def reads_flat_batches(backbone: nn.Module) -> bool:
    """Switch the backbone to flat attention where that leaves its output as it was."""
    model: Any = backbone
    if not hasattr(model, "set_attn_implementation"):
        return False
    texts = probe_texts(int(model.config.vocab_size))
    batch = of_texts(texts, next(model.parameters()).device)
    before, usual = read_padded(model, batch), model.config._attn_implementation
    try:
        model.set_attn_implementation(NAME)
        after = read_flat(model, batch)
    except (UnsupportedAttentionError, ValueError, TypeError):
        model.set_attn_implementation(usual)
        return False
    if not same(before, after):
        model.set_attn_implementation(usual)
        return False
    return True


@torch.no_grad()
def grows(backbone: nn.Module) -> bool:
    """Tell whether texts that grow end as if they were read whole.

    They do not where the backbone attends by itself and never asks for what was kept.
    """
    model: Any = backbone
    one, _, other = probe_texts(int(model.config.vocab_size))
    device = next(model.parameters()).device
    whole = read_flat(model, of_texts([one, other], device))[[4, -1]]
    past = Past(device)
    begun = of_texts([one[:-1], other[:-1]], device)
    with past.reading(begun.bounds):
        flat_states(model, begun.position_ids, input_ids=begun.input_ids)
    new = torch.tensor([one[-1], other[-1]], device=device)
    places = torch.tensor(past.lengths, device=device)
    with past.growing():
        return same(whole, flat_states(model, places, input_ids=new), rough=rounds(model))


@torch.no_grad()
def branches(backbone: nn.Module) -> bool:
    """Tell whether texts of a tree end as if each were read alone.

    They do not where the backbone attends by itself.
    """
    model: Any = backbone
    one, _, other = probe_texts(int(model.config.vocab_size))
    texts = [(*other, *one), (*other, one[1])]
    rows = [EncodedRow((text,), (len(text) - 1,), (0,)) for text in texts]
    alone, tree = (flatten(rows, next(model.parameters()).device, shared=s) for s in (False, True))
    training = model.training
    model.eval()
    ends = [read_flat(model, batch)[batch.read_at] for batch in (alone, tree)]
    same_end = same(ends[0], ends[1], rough=rounds(model))
    model.train(training)
    return same_end


@torch.no_grad()
def reads_few(backbone: nn.Module) -> bool:
    """Tell whether tokens that are read end as in a whole reading, where no others are."""
    model: Any = backbone
    texts = probe_texts(int(model.config.vocab_size))
    ends = [EncodedRow((tuple(text),), (len(text) - 1,), (0,)) for text in texts]
    batch = flatten(ends, next(model.parameters()).device)
    training = model.training
    model.eval()
    try:
        ways = [read(model, batch)[batch.read_at] for read in (read_flat, read_few)]
    except Exception:  # noqa: BLE001 - a block of some architecture may break anywhere
        return False
    finally:
        model.train(training)
    return same(ways[0], ways[1], rough=rounds(model))


def same(one: Tensor, other: Tensor, *, rough: bool = False) -> bool:
    """Tell whether two ways to compute one thing gave the same but for rounding; rough: to int8."""
    scale = one.abs().max().clamp(min=1.0)
    tolerance = _TOLERANCE[torch.bfloat16 if rough else one.dtype]
    return bool((one - other).abs().max() <= tolerance * scale)


def rounds(backbone: nn.Module) -> bool:
    """Tell whether the smallest difference may become one of a whole step."""
    return any(isinstance(layer, Int8Linear | Rounding) for layer in backbone.modules())


def probe_texts(vocabulary: int) -> list[list[int]]:
    """Return three short texts of arbitrary tokens."""
    tokens = [number * 7919 % vocabulary for number in range(1, 16)]
    return [tokens[:5], tokens[5:6], tokens[6:]]
