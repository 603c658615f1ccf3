"""Beam search: transformers' own texts and scores, and the best there is where all fit."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from loratory.inference.generate import generate
from loratory.models.load import load_base
from loratory.recipe.schema import Decoding
from loratory.tasks.task import Writing

FEW_ENDS, MANY_ENDS = (0,), tuple(range(0, 320, 7))


def prompts_of(seed, count=5):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 40, (count,), generator=generator).tolist()
    return [torch.randint(320, (length,), generator=generator).tolist() for length in lengths]


def searched(network, prompts, ends, **decoding):
    writing = Writing(Decoding(kind="beam", **decoding), ends)
    return generate(network, prompts, writing, seed=0, tokens_at_once=64)


def by_transformers(stock, prompt, ends, **options):
    """Return the tokens before the end, whether there was none, and the score."""
    found = stock.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        eos_token_id=list(ends),
        pad_token_id=0,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    written = found.sequences[0, len(prompt) :].tolist()
    ended = [place for place, token in enumerate(written) if token in ends]
    tokens = written[: ended[0]] if ended else written
    return tuple(tokens), not ended, float(found.sequences_scores[0])


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("ends", [FEW_ENDS, MANY_ENDS], ids=["one end", "many ends"])
@pytest.mark.parametrize("beams", [2, 4])
def test_texts_are_those_of_transformers(base_folder, beams, ends, penalty):
    network = load_base(str(base_folder), language_head=True).network
    stock = AutoModelForCausalLM.from_pretrained(base_folder).eval()
    options = {"num_beams": beams, "max_new_tokens": 12, "repetition_penalty": penalty}
    prompts = [prompt for seed in range(3) for prompt in prompts_of(seed)]
    for prompt, found in zip(prompts, searched(network, prompts, ends, **options), strict=True):
        tokens, cut, score = by_transformers(stock, prompt, ends, **options)
        assert (found.tokens, found.cut) == (tokens, cut)
        if penalty == 1:
            length = len(tokens) + (not cut)
            assert found.log_probability / length == pytest.approx(score, rel=1e-4)


class Table(nn.Module):
    """Scores of the next token by the last one, drawn once: all there is to a tiny language."""

    growing, keeps_past, positions, device = None, False, 99, torch.device("cpu")
    config = SimpleNamespace(num_hidden_layers=1, num_attention_heads=1, hidden_size=1)

    def __init__(self, seed, vocabulary):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(vocabulary, vocabulary, generator=generator) * 2

    def forward(self, batch):
        return batch.input_ids[:, None].double()

    def logits(self, hidden):
        return self.table[hidden[:, 0].long()]


def every_text(table, prompt, ends, room):
    """Yield each text that can be written, with its mean log-probability."""
    following = table.log_softmax(-1)
    for length in range(1, room + 1):
        for tokens in itertools.product(range(len(table)), repeat=length):
            early = any(token in ends for token in tokens[:-1])
            if early or (length < room and tokens[-1] not in ends):
                continue
            path = [prompt[-1], *tokens]
            total = sum(float(following[a, b]) for a, b in itertools.pairwise(path))
            yield total / length, tokens


@pytest.mark.parametrize("seed", range(6))
def test_with_room_for_every_text_the_best_of_all_is_found(seed):
    table, ends, room = Table(seed, vocabulary=4), (3,), 3
    mean, tokens = max(every_text(table.table, [1], ends, room))
    (found,) = searched(table, [[1]], ends, num_beams=4**3, max_new_tokens=room)
    assert (*found.tokens, *([3] if not found.cut else [])) == tokens
    assert found.log_probability / len(tokens) == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_beams_find_no_worse_a_text_than_one_path(seed):
    table, ends = Table(seed, vocabulary=6), (5,)
    (found,) = searched(table, [[1]], ends, num_beams=6, max_new_tokens=2)
    best, _ = max(every_text(table.table, [1], ends, 2))
    length = len(found.tokens) + (not found.cut)
    assert found.log_probability / length == pytest.approx(best, rel=1e-5)
