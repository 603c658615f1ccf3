"""Token by token: draws follow the network's distribution, each text by its own numbers."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from loratory.errors import NumericsError
from loratory.inference.generate import generate
from loratory.inference.generate_tokens import Draft, _closed_up, log_probabilities_of
from loratory.models.load import load_base
from loratory.recipe.schema import Decoding
from loratory.tasks.task import Writing

PROMPT = [5, 17, 300, 5]
DRAWS = 4000


@pytest.fixture(scope="module")
def network(gpt2_folder):
    return load_base(str(gpt2_folder), language_head=True).network


def written(network, prompts, seed=0, ends=(), **decoding):
    writing = Writing(Decoding(**({"kind": "sample"} | decoding)), ends)
    return generate(network, prompts, writing, seed=seed, tokens_at_once=2000)


def test_frequencies_follow_the_distribution_that_transformers_draws_from(network, gpt2_folder):
    stock = AutoModelForCausalLM.from_pretrained(gpt2_folder).eval()
    tokens = torch.tensor([PROMPT])
    with torch.no_grad():
        scores = stock(tokens).logits[:, -1]
    warped = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(1.2),
            TemperatureLogitsWarper(0.8),
            TopKLogitsWarper(30),
            TopPLogitsWarper(0.9),
        ]
    )(tokens, scores)
    expected = warped[0].double().softmax(0).numpy() * DRAWS
    found = written(
        network,
        [PROMPT] * DRAWS,
        max_new_tokens=1,
        repetition_penalty=1.2,
        temperature=0.8,
        top_k=30,
        top_p=0.9,
    )
    counts = np.bincount([text.tokens[0] for text in found], minlength=320)
    possible = expected > 0
    assert 10 < possible.sum() <= 30
    assert counts[~possible].sum() == 0
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    freedom = possible.sum() - 1
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5  # far beyond p = 0.001


def test_another_seed_draws_another_text_and_the_same_seed_the_same(network):
    texts = [written(network, [PROMPT] * 3, seed=seed) for seed in (0, 0, 1)]
    assert texts[0] == texts[1]
    assert all(one.tokens != other.tokens for one, other in zip(texts[0], texts[2], strict=True))


def test_equal_prompts_are_drawn_apart(network):
    found = {text.tokens for text in written(network, [PROMPT] * 20, max_new_tokens=20)}
    assert len(found) == 20


def test_a_texts_draws_depend_on_its_place_and_the_seed_alone(network):
    few = written(network, [PROMPT, [1], [2, 3]])
    many = written(network, [PROMPT, [7, 8, 9, 10], [2, 3], *[[4] * n for n in range(1, 9)]])
    assert few[0].tokens == many[0].tokens
    assert few[2].tokens == many[2].tokens


def test_a_low_temperature_is_greedy(network):
    prompts = [PROMPT, [9], [300, 2]]
    cold = written(network, prompts, temperature=1e-4)
    greedy = written(network, prompts, kind="greedy")
    assert [text.tokens for text in cold] == [text.tokens for text in greedy]


def test_scores_that_are_no_numbers_are_an_error():
    logits = torch.zeros(2, 5)
    logits[1, 3] = torch.nan
    with pytest.raises(NumericsError, match="LOGITS-NAN") as caught:
        log_probabilities_of(logits, torch.tensor([[0], [0]]))
    assert caught.value.exit_code == 7


def test_a_draft_is_done_at_its_end_or_when_its_room_is_full():
    draft = Draft(0, [1], room=2)
    draft.add(4, -1.0, ends=(9,))
    assert not draft.done
    draft.add(5, -2.0, ends=(9,))
    assert draft.done
    assert (draft.written().tokens, draft.written().cut) == ((4, 5), True)
    ended = Draft(0, [1], room=2)
    ended.add(9, -0.5, ends=(9,))
    assert ended.done
    assert (ended.written().tokens, ended.written().cut) == ((), False)
    assert (draft.log_probability, ended.log_probability) == (-3.0, -0.5)


@pytest.mark.parametrize(
    ("kept", "places"),
    [
        ([True, True], [0, 1]),
        ([False, True, True], [2, 1]),
        ([True, False, False, True, False], [0, 3]),
        ([False, False], []),
        ([False, True, False, True, True], [3, 1, 4]),
    ],
)
def test_gaps_are_filled_with_the_last_ones(kept, places):
    assert _closed_up(kept) == places
