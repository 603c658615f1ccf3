"""Attention over trees against attention with a mask that says who sees whom, all at once."""

import random
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.batching.tree import grow_tree
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.attention import Scores
from loratory.models.load import load_base
from loratory.models.tree_attention import Branches, TreeAttention, parts_of
from loratory.recipe.schema import LoraMethod

CLOSE = {torch.float64: {"rtol": 0, "atol": 1e-12}, torch.float32: {"rtol": 1e-5, "atol": 1e-5}}


def forest(seed):
    rng = random.Random(seed)
    roots = [tuple(rng.randrange(9) for _ in range(rng.randint(1, 40))) for _ in range(3)]
    cut = [root[: rng.randint(1, len(root))] for root in roots for _ in range(3)]
    return [text + tuple(rng.randrange(9) for _ in range(rng.randint(1, 24))) for text in cut]


def mask_of(texts, tree):
    """Return which tokens see which, from the texts themselves."""
    seen = torch.zeros(len(tree.tokens), len(tree.tokens), dtype=torch.bool)
    for number, text in enumerate(texts):
        way = [tree.at(number, place) for place in range(len(text))]
        for place, at in enumerate(way):
            seen[at, way[: place + 1]] = True
    return seen


@pytest.mark.parametrize("heads", [(4, 4), (6, 2)], ids=["own keys", "shared keys"])
@pytest.mark.parametrize("dtype", CLOSE, ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_values_and_gradients_are_those_of_one_masked_attention(seed, dtype, heads):
    torch.manual_seed(seed)
    texts = forest(seed)
    tree = grow_tree(texts)
    shapes = [(1, count, len(tree.tokens), 8) for count in (heads[0], heads[1], heads[1])]
    inputs = [torch.randn(s, dtype=dtype).requires_grad_() for s in shapes]
    expected = F.scaled_dot_product_attention(
        *inputs, attn_mask=mask_of(texts, tree), scale=0.3, enable_gqa=True
    )
    found = TreeAttention.apply(*inputs, parts_of(tree.pieces), 0.3)
    torch.testing.assert_close(found, expected, **CLOSE[dtype])
    direction = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, inputs, direction),
        torch.autograd.grad(expected, inputs, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, **CLOSE[dtype])


def test_finite_differences_agree():
    tree = grow_tree([(1,) * 9 + (2, 3), (1,) * 9 + (4,), (5, 6)])
    inputs = [torch.randn(1, 2, len(tree.tokens), 3, dtype=torch.float64).requires_grad_()] * 3
    assert torch.autograd.gradcheck(
        lambda *qkv: TreeAttention.apply(*qkv, parts_of(tree.pieces), 0.5), inputs
    )


def test_pieces_that_nothing_goes_on_from_attend_within_themselves_alone():
    tree = grow_tree([(1, 2, 3), (2, 1)])
    assert [part.causal for part in parts_of(tree.pieces)] == [True, True]


TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.fixture(scope="module")
def adapted(request):
    """Return networks of both layouts with a low-rank update that is not zero."""
    found = {}
    for layout in ("gpt2", "llama"):
        base = load_base(str(request.getfixturevalue(f"{layout}_folder")), language_head=True)
        generator = torch.Generator().manual_seed(0)
        make_method(LoraMethod(r=4)).apply(base, generator)
        for parameter in trained_parameters(base.network).values():
            parameter.data.normal_(std=0.1, generator=generator)
        if layout == "llama":  # as Llama's norm, without transformers' rounding to float32
            for part in base.network.modules():
                if type(part).__name__ == "LlamaRMSNorm":
                    part.forward = partial(exact_norm, part)
        found[layout] = base.network
    return found


def exact_norm(norm, hidden):
    return F.rms_norm(hidden, hidden.shape[-1:], norm.weight, norm.variance_epsilon)


def outcome(network, rows, *, shared):
    batch = flatten(rows, shared=shared)
    logits = network.logits(network(batch)[batch.read_at])
    loss = F.cross_entropy(logits, batch.targets, reduction="sum")
    parameters = trained_parameters(network)
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    return len(batch), loss, dict(zip(parameters, gradients, strict=True))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("layout", ["gpt2", "llama"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_tree_trains_like_its_texts_one_by_one(adapted, layout, dtype, seed):
    network, rng = adapted[layout].to(dtype), random.Random(seed)
    texts = forest(seed)
    rows = []
    for text in texts:
        at = sorted(rng.sample(range(len(text)), rng.randint(1, len(text))))
        rows.append(EncodedRow((text,), tuple(at), tuple(rng.randrange(300) for _ in at)))
    tokens, expected, one = outcome(network, rows, shared=False)
    fewer, found, other = outcome(network, rows, shared=True)
    assert fewer <= tokens
    torch.testing.assert_close(found, expected, rtol=TOLERANCE[dtype], atol=0)
    for name, gradient in one.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(
            other[name], gradient, rtol=0, atol=TOLERANCE[dtype] * max(scale, 1.0)
        )


@pytest.mark.parametrize("scores", [Scores(window=7), Scores(window=1000), Scores(scaling=0.2)])
def test_a_window_and_a_scale_are_those_of_a_mask(scores):
    texts = forest(3)
    rows = [EncodedRow((text,), (0,), (0,)) for text in texts]
    batch, tree = flatten(rows, shared=True), grow_tree(texts)
    seen = mask_of(texts, tree)
    if scores.window:
        seen &= batch.position_ids[:, None] - batch.position_ids[None] < scores.window
    inputs = [torch.randn(1, 2, len(batch), 8) for _ in range(3)]
    expected = F.scaled_dot_product_attention(*inputs, attn_mask=seen, scale=scores.scaling)
    torch.testing.assert_close(Branches(batch)(*inputs, scores), expected)


def test_with_dropout_most_weights_are_kept_and_scaled_up():
    rows = [EncodedRow((text,), (0,), (0,)) for text in [(1,) * 9 + (2,), (1,) * 9 + (3,)]]
    batch = flatten(rows, shared=True)
    ones = torch.ones(1, 64, len(batch), 4)
    mixed = Branches(batch)(ones, ones, ones, Scores(dropout=0.25))
    assert mixed.std() > 0.05
    torch.testing.assert_close(mixed.mean(), torch.tensor(1.0), atol=0.05, rtol=0)


def test_a_backbone_that_attends_by_itself_never_gets_a_tree(folder_of):
    assert not load_base(str(folder_of("gpt_neo"))).network.shares


def test_both_layouts_read_trees(base_folder):
    assert load_base(str(base_folder)).network.shares
