"""Texts that grow over an ONNX file: after every token the scores that the whole text gives."""

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import AutoModelForCausalLM

from loratory.models.onnx_texts import OnnxTexts

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module")
def session(growing_file):
    return onnxruntime.InferenceSession(growing_file)


@pytest.fixture(scope="module")
def stock(llama_folder):
    return AutoModelForCausalLM.from_pretrained(llama_folder).eval()


def no_texts(session, tokens_at_once=20):
    shapes = {part.name: part.shape for part in session.get_inputs()}
    before = {
        name: np.zeros((1, shape[1], 0, shape[3]), np.float32)
        for name, shape in shapes.items()
        if name.startswith("past_key_values.")
    }
    return OnnxTexts(session, before, tokens_at_once)


def drawn(*lengths):
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(320, (n,), generator=generator).tolist() for n in lengths]


@torch.no_grad()
def require_those_of_whole(stock, found, texts):
    expected = [stock(torch.tensor([text])).logits[0, -1] for text in texts]
    torch.testing.assert_close(found, torch.stack(expected), **CLOSE)


@pytest.mark.parametrize("tokens_at_once", [1, 20, 1000])
def test_each_token_gives_what_the_whole_text_gives(session, stock, tokens_at_once):
    texts = drawn(11, 1, 25, 6)
    growing = no_texts(session, tokens_at_once)
    require_those_of_whole(stock, growing.add(texts), texts)
    for step in range(4):
        new = [7 * row + step for row in range(len(texts))]
        texts = [[*text, token] for text, token in zip(texts, new, strict=True)]
        require_those_of_whole(stock, growing.grow(new), texts)


def test_texts_can_be_left_out_moved_doubled_and_begun_later(session, stock):
    texts = drawn(5, 1, 12)
    growing = no_texts(session)
    growing.add(texts)
    for rows in ([0, 0, 1, 2, 2], [4, 0, 2], [2, 1], [0, 1], [0, 1, 0, 1], [2]):
        growing.select(rows)
        texts = [[*texts[row], 3 * place] for place, row in enumerate(rows)]
        require_those_of_whole(stock, growing.grow([text[-1] for text in texts]), texts)
    for length in (30, 2):  # longer than what is there, and shorter
        (later,) = drawn(length)
        require_those_of_whole(stock, growing.add([later]), [later])
        texts = [[*text, 9] for text in [*texts, later]]
        require_those_of_whole(stock, growing.grow([9] * len(texts)), texts)


def test_padding_that_all_texts_have_is_not_kept(session):
    growing = no_texts(session, 1000)
    growing.add(drawn(30, 4, 6))
    growing.select([2, 1])
    assert growing.mask.shape == (2, 6)
    assert all(part.shape[2] == 6 for part in growing.past)
