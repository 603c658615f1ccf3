"""The network: a transformers backbone that reads flat batches, and the heads a task adds.

Its parameters carry the names they have in transformers' own classes (`model.layers.0…`,
`transformer.h.0…`, `lm_head.weight`, `score.weight`), so that what is saved needs no translation.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from loratory.batching.flat import FlatBatch, flatten
from loratory.batching.rows import EncodedRow
from loratory.models.attention import NAME, UnsupportedAttentionError, texts_at
from loratory.models.int8_linear import Int8Linear
from loratory.models.past import Past
from loratory.models.product import frozen_linear
from loratory.models.tree_attention import branching
from loratory.models.virtual import Lengthened, Prefix, Prompt

Attending = Callable[[tuple[tuple[int, int], ...]], AbstractContextManager[None]]
"""Says, around the call of the model, how texts between such bounds attend."""

# Rounding apart, all ways to read compute the same; a real difference is many times larger.
_TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.bfloat16: 0.1}


class Network(nn.Module):
    """A backbone and its heads. `network(batch)` is the hidden state of every token.

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
        self.flat = _reads_flat_batches(backbone) if flat is None else flat
        self.language_head: str | None = None
        """Name of the projection onto the vocabulary, where the base came with it."""

        self.virtual: Prompt | Prefix | None = None
        """What stands before every text, where a method put something there."""

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
        return self.flat and _grows(self.get_submodule(self.prefix))

    @cached_property
    def shares(self) -> bool:
        """Whether texts that begin alike can be read as a tree: then rows may be laid out so."""
        usable = self.flat and self.virtual is None and self.device.type == "cpu"
        return usable and _branches(self.get_submodule(self.prefix))

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Put the weights on `device` as `dtype`; tables such as rotary frequencies stay exact."""
        self.to(device)
        for parameter in self.parameters():
            parameter.data = parameter.data.to(dtype)

    def forward(self, batch: FlatBatch) -> Tensor:
        """Return the last hidden state of every token, `[tokens, hidden]`."""
        if self.kept is not None and (states := self.kept(batch)) is not None:
            return states
        if self.flat:
            return self._read_whole(batch, texts_at)
        backbone = self.get_submodule(self.prefix)
        if isinstance(self.virtual, Prompt):
            longer = Lengthened.of(batch, self.virtual.count)
            embedded = self.virtual.before(_embedded(backbone, batch), longer)
            states = _padded_states(backbone, longer.bounds, inputs_embeds=embedded)
            return longer.without_virtual(states, dim=0)
        return read_padded(backbone, batch)

    def begin(self, batch: FlatBatch, past: Past) -> Tensor:
        """Read whole texts, which `past` keeps; return `[tokens, hidden]`.

        What stands before a text is kept too, and counts as a part of it.
        """
        return self._read_whole(batch, past.reading)

    def grow(self, tokens: Tensor, past: Past) -> Tensor:
        """Read one further token of each text of `past`; `[texts]` gives `[texts, hidden]`."""
        places = torch.tensor(past.lengths, device=tokens.device)
        with past.growing():
            return _flat_states(self.get_submodule(self.prefix), places, input_ids=tokens)

    def _read_whole(self, batch: FlatBatch, attending: Attending) -> Tensor:
        backbone = self.get_submodule(self.prefix)
        match self.virtual:
            case None:
                with branching(batch) if batch.branches else attending(batch.bounds):
                    return _flat_states(backbone, batch.position_ids, input_ids=batch.input_ids)
            case Prompt() as prompt:
                longer = Lengthened.of(batch, prompt.count)
                embedded = prompt.before(_embedded(backbone, batch), longer)
                with attending(longer.bounds):
                    states = _flat_states(backbone, longer.places(batch), inputs_embeds=embedded)
                return longer.without_virtual(states, dim=0)
            case Prefix() as prefix:
                longer = Lengthened.of(batch, prefix.count)
                places = batch.position_ids + prefix.count
                with attending(longer.bounds), prefix.before(longer):
                    return _flat_states(backbone, places, input_ids=batch.input_ids)

    def add_language_head(self, name: str, head: nn.Linear) -> None:
        """Take the base's projection onto the vocabulary; it may share the embedding's weight."""
        self.add_module(name, head)
        self.language_head = name

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the scores of what follows: `[positions, hidden]` to `[positions, vocabulary]`.

        They are float32 at least, computed in the weights' own number format.
        """
        if self.language_head is None:
            raise TypeError("the base was loaded without its language head")
        head = self.get_submodule(self.language_head)
        assert isinstance(head, nn.Linear)
        trains = any(parameter.requires_grad for parameter in head.parameters())
        x = hidden.to(head.weight.dtype)
        found: Tensor = head(x) if trains else frozen_linear(x, head.weight, head.bias)
        return found.to(torch.promote_types(found.dtype, torch.float32))


def positions_of(config: Any) -> int:
    """Return the most tokens of a text; a recurrent network has no limit, nor has Bloom."""
    last_resort = getattr(config, "max_seq_len", sys.maxsize)
    return int(getattr(config, "max_position_embeddings", last_resort))


def of_texts(texts: Sequence[Sequence[int]], device: torch.device | str) -> FlatBatch:
    """Lay texts end to end that are read at no place in particular."""
    return flatten([EncodedRow((tuple(text),), (), ()) for text in texts], device)


def probe_batch(network: Network) -> FlatBatch:
    """Return a few short texts of arbitrary tokens, to see what a network does with them."""
    return of_texts(_probe_texts(int(network.config.vocab_size)), network.device)


def read_flat(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Run the backbone once over the flat sequence, `[tokens, hidden]`."""
    with branching(batch) if batch.branches else texts_at(batch.bounds):
        return _flat_states(backbone, batch.position_ids, input_ids=batch.input_ids)


def read_padded(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Run the backbone over padded texts, for models whose attention cannot be replaced.

    Texts are padded at the end, with a token that the mask hides; the result has real tokens only,
    `[tokens, hidden]`.
    """
    return _padded_states(backbone, batch.bounds, input_ids=batch.input_ids)


def _flat_states(backbone: nn.Module, places: Tensor, **inputs: Tensor) -> Tensor:
    """Run the backbone over `input_ids`, `[tokens]`, or `inputs_embeds`, `[tokens, width]`."""
    whole = {name: part[None] for name, part in inputs.items()}
    output = backbone(**whole, position_ids=places[None], use_cache=False)
    hidden: Tensor = output.last_hidden_state[0]
    return hidden


def _padded_states(
    backbone: nn.Module, bounds: tuple[tuple[int, int], ...], **inputs: Tensor
) -> Tensor:
    """Run the backbone over texts side by side; `inputs` are those of `_flat_states`."""
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


def _embedded(backbone: nn.Module, batch: FlatBatch) -> Tensor:
    """Return the embedding of every token, `[tokens, width]`."""
    embedding: Any = backbone
    found: Tensor = embedding.get_input_embeddings()(batch.input_ids)
    return found


@torch.no_grad()
def _reads_flat_batches(backbone: nn.Module) -> bool:
    """Switch the backbone to flat attention where that leaves its output as it was."""
    model: Any = backbone
    if not hasattr(model, "set_attn_implementation"):
        return False
    texts = _probe_texts(int(model.config.vocab_size))
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
def _grows(backbone: nn.Module) -> bool:
    """Tell whether texts that grow end as if they were read whole.

    They do not where the backbone attends by itself and never asks for what was kept.
    """
    model: Any = backbone
    one, _, other = _probe_texts(int(model.config.vocab_size))
    device = next(model.parameters()).device
    whole = read_flat(model, of_texts([one, other], device))[[4, -1]]
    past = Past(device)
    begun = of_texts([one[:-1], other[:-1]], device)
    with past.reading(begun.bounds):
        _flat_states(model, begun.position_ids, input_ids=begun.input_ids)
    new = torch.tensor([one[-1], other[-1]], device=device)
    places = torch.tensor(past.lengths, device=device)
    with past.growing():
        return same(whole, _flat_states(model, places, input_ids=new), rough=_rounds(model))


@torch.no_grad()
def _branches(backbone: nn.Module) -> bool:
    """Tell whether texts of a tree end as if each were read alone.

    They do not where the backbone attends by itself.
    """
    model: Any = backbone
    one, _, other = _probe_texts(int(model.config.vocab_size))
    texts = [(*other, *one), (*other, one[1])]
    rows = [EncodedRow((text,), (len(text) - 1,), (0,)) for text in texts]
    alone, tree = (flatten(rows, next(model.parameters()).device, shared=s) for s in (False, True))
    training = model.training
    model.eval()
    ends = [read_flat(model, batch)[batch.read_at] for batch in (alone, tree)]
    same_end = same(ends[0], ends[1], rough=_rounds(model))
    model.train(training)
    return same_end


def same(one: Tensor, other: Tensor, *, rough: bool = False) -> bool:
    """Tell whether two ways to compute one thing gave the same but for rounding; rough: to int8."""
    scale = one.abs().max().clamp(min=1.0)
    tolerance = _TOLERANCE[torch.bfloat16 if rough else one.dtype]
    return bool((one - other).abs().max() <= tolerance * scale)


def _rounds(backbone: nn.Module) -> bool:
    return any(isinstance(layer, Int8Linear) for layer in backbone.modules())


def _probe_texts(vocabulary: int) -> list[list[int]]:
    """Return three short texts of arbitrary tokens."""
    tokens = [number * 7919 % vocabulary for number in range(1, 16)]
    return [tokens[:5], tokens[5:6], tokens[6:]]
