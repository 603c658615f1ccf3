"""Files that write, run as others run them: what comes out is what transformers writes."""

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import AutoModelForCausalLM

from loratory.export.growing_graph import write_growing_graph

PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6], [7], [2, 7, 1]]


@pytest.fixture(scope="module", params=["llama", pytest.param("gpt2", marks=pytest.mark.slow)])
def stock_and_session(request, tmp_path_factory):
    folder = request.getfixturevalue(f"{request.param}_folder")
    stock = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    if request.param == "llama":
        return stock, onnxruntime.InferenceSession(request.getfixturevalue("growing_file"))
    path = tmp_path_factory.mktemp("gpt2-growing") / "model.onnx"
    write_growing_graph(stock.transformer, stock.lm_head, path, positions=64)
    return stock, onnxruntime.InferenceSession(path)


def padded(side):
    """Return the prompts as a batch, and where it is real."""
    longest = max(map(len, PROMPTS))
    fill = [[0] * (longest - len(prompt)) for prompt in PROMPTS]
    if side == "left":
        rows = [[*empty, *prompt] for empty, prompt in zip(fill, PROMPTS, strict=True)]
        mask = [[0] * len(empty) + [1] * (longest - len(empty)) for empty in fill]
    else:
        rows = [[*prompt, *empty] for empty, prompt in zip(fill, PROMPTS, strict=True)]
        mask = [[1] * (longest - len(empty)) + [0] * len(empty) for empty in fill]
    return np.array(rows), np.array(mask)


def greedy(session, side, steps):
    """Write as users of Optimum's files do, by the names alone; return the tokens."""
    ids, mask = padded(side)
    inputs, outputs = session.get_inputs(), [part.name for part in session.get_outputs()]
    past = {
        part.name: np.zeros((len(ids), part.shape[1], 0, part.shape[3]), np.float32)
        for part in inputs
        if part.name.startswith("past_key_values.")
    }
    last = mask.shape[1] - 1 if side == "left" else mask.sum(1) - 1
    written = []
    for _ in range(steps):
        given = {"input_ids": ids, "attention_mask": mask, **past}
        found = dict(zip(outputs, session.run(None, given), strict=True))
        new = found["logits"][np.arange(len(ids)), last].argmax(-1)
        written.append(new)
        past = {name: found[name.replace("past_key_values", "present")] for name in past}
        ids, last = new[:, None], 0
        mask = np.concatenate([mask, np.ones_like(ids)], 1)
    return np.stack(written, 1)


@pytest.mark.parametrize("side", ["left", "right"])
def test_it_writes_what_transformers_writes_wherever_padding_stands(stock_and_session, side):
    stock, session = stock_and_session
    ids, mask = map(torch.tensor, padded("left"))
    settings = {"do_sample": False, "max_new_tokens": 20, "pad_token_id": 0, "eos_token_id": None}
    expected = stock.generate(ids, attention_mask=mask, **settings)[:, ids.shape[1] :]
    assert greedy(session, side, 20).tolist() == expected.tolist()


def test_several_tokens_may_follow_what_was_read(stock_and_session):
    stock, session = stock_and_session
    text = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3]])
    with torch.no_grad():
        expected = stock(text).logits[0, 4:].numpy()
    past, found = None, None
    for end in (4, 10):
        start = 0 if past is None else 4
        given = {"input_ids": text[:, start:end].numpy(), "attention_mask": np.ones((1, end), int)}
        for part in session.get_inputs()[2:]:
            empty = np.zeros((1, part.shape[1], 0, part.shape[3]), np.float32)
            given[part.name] = empty if past is None else past.pop(0)
        found, *past = session.run(None, given)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-5)


def test_names_and_shapes_are_those_of_optimum(stock_and_session):
    stock, session = stock_and_session
    parts = [f"{layer}.{part}" for layer in range(2) for part in ("key", "value")]
    given, returned = (
        {p.name: p for p in s} for s in (session.get_inputs(), session.get_outputs())
    )
    assert [*given] == [
        "input_ids",
        "attention_mask",
        *(f"past_key_values.{part}" for part in parts),
    ]
    assert [*returned] == ["logits", *(f"present.{part}" for part in parts)]
    config = stock.config
    heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
    width = config.hidden_size // config.num_attention_heads
    for part in [*given.values()][2:]:
        assert (part.type, part.shape[1], part.shape[3]) == ("tensor(float)", heads, width)
    assert {given[name].type for name in ("input_ids", "attention_mask")} == {"tensor(int64)"}
