"""Write after prompts, many at once or one as a stream.

Which prompts are written together is a pure function of their lengths, and what is drawn depends on
the seed and the prompt's own place alone; neither changes with the other.
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from loratory.errors import DataError
from loratory.inference.generate_beams import write_beams
from loratory.inference.generate_tokens import Draft, write_tokens
from loratory.models.growing_texts import growing_texts
from loratory.models.network import Network
from loratory.tasks.task import Writing, Written

# Memory for what a group of texts has read.
_CPU_BYTES, _GPU_BYTES = 2**30, 2**33
# Tokens to write that room is made for at once; most texts end long before they have to.
_SOON = 256


@torch.inference_mode()
def generate(
    network: Network,
    prompts: Sequence[Sequence[int]],
    writing: Writing,
    *,
    seed: int,
    tokens_at_once: int,
    watch: Callable[[int], None] = lambda _: None,
) -> list[Written]:
    """Return what is written after each prompt; `watch` hears of each few that are done.

    `tokens_at_once` are read together, and so many texts grow together at the most.

    Raises:
        DataError: a prompt is empty (DATA-TEXT) or leaves no room for a token (DATA-TRUNC).
        NumericsError: the network's scores are not finite.
    """
    network.eval()
    drafts = [
        Draft(number, prompt, _room(network, prompt, writing, f"prompt {number + 1}"))
        for number, prompt in enumerate(prompts)
    ]
    for group in _groups(network, drafts, writing, tokens_at_once):
        for done in _write(network, group, writing, seed=seed, tokens_at_once=tokens_at_once):
            if done:
                watch(len(done))
    return [draft.written() for draft in drafts]


@torch.inference_mode()
def stream(
    network: Network, prompt: Sequence[int], writing: Writing, *, seed: int
) -> Iterator[int]:
    """Yield each token after `prompt` as it is chosen; of beams, all when the best is known.

    They are the tokens that `generate` returns for the prompt alone.

    Raises:
        DataError, NumericsError: as `generate`.
    """
    network.eval()
    draft = Draft(0, prompt, _room(network, prompt, writing, "the prompt"))
    shown = 0
    for _ in _write(network, [draft], writing, seed=seed, tokens_at_once=len(prompt)):
        yield from draft.tokens[shown:]
        shown = len(draft.tokens)


def _write(
    network: Network, drafts: Sequence[Draft], writing: Writing, *, seed: int, tokens_at_once: int
) -> Iterator[list[Draft]]:
    longest = max(len(draft.prompt) + min(draft.room, _SOON) for draft in drafts)
    texts = growing_texts(
        network,
        tokens_at_once=tokens_at_once,
        texts=len(drafts) * _rows(writing),
        tokens=longest,
    )
    if writing.decoding.kind == "beam":
        yield from write_beams(texts, drafts, writing)
    else:
        yield from write_tokens(texts, drafts, writing, seed)


def _groups(
    network: Network, drafts: Sequence[Draft], writing: Writing, most_texts: int
) -> Iterator[list[Draft]]:
    """Yield the drafts to be written together: those of similar length, as many as fit."""
    budget = _CPU_BYTES if network.device.type == "cpu" else _GPU_BYTES
    most_tokens = budget // _bytes_of_a_token(network)
    group: list[Draft] = []
    longest = 0
    for draft in sorted(drafts, key=lambda draft: (len(draft.prompt), draft.number)):
        texts = (len(group) + 1) * _rows(writing)
        longest = max(longest, len(draft.prompt) + draft.room)
        if group and (texts > most_texts or texts * longest > most_tokens):
            yield _alike_together(group)
            group, longest = [], len(draft.prompt) + draft.room
        group.append(draft)
    if group:
        yield _alike_together(group)


def _alike_together(drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts with those side by side whose prompts begin alike."""
    return sorted(drafts, key=lambda draft: (tuple(draft.prompt), draft.number))


def _rows(writing: Writing) -> int:
    """Return how many texts grow after one prompt."""
    return writing.decoding.num_beams if writing.decoding.kind == "beam" else 1


def _bytes_of_a_token(network: Network) -> int:
    """Return what the keys and values of a token take up, in four bytes a number at the most.

    Of a network that keeps none it is 1.
    """
    config = network.config
    layers = getattr(config, "num_hidden_layers", 0)
    heads = getattr(config, "num_attention_heads", 1)
    shared = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return max(1, int(2 * layers * shared * width * 4))


def _room(network: Network, prompt: Sequence[int], writing: Writing, place: str) -> int:
    """Return the most tokens that may be written after `prompt`."""
    if not prompt:
        raise DataError(
            "DATA-TEXT",
            "the prompt has no token, so nothing can follow it",
            at=place,
            expected="at least one token",
            fix="write something to go on from",
        )
    room = network.positions - len(prompt)
    if room < 1:
        raise DataError(
            "DATA-TRUNC",
            "the prompt leaves no room to write",
            at=place,
            got=f"{len(prompt):,} tokens",
            expected=f"less than {network.positions:,}, the base's positions",
            fix="shorten the prompt",
        )
    return min(room, writing.decoding.max_new_tokens)
