"""A backbone cut in two: the parts are transformers' own network; nothing flows below the cut."""

import pytest
import torch
from torch import nn
from transformers import AutoModel

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.make import make_method
from loratory.models.dropout import set_dropout
from loratory.models.load import load_base
from loratory.models.split import Split, split_below_trained
from loratory.recipe.schema import (
    BitfitMethod,
    BottleneckMethod,
    FullMethod,
    HeadMethod,
    Ia3Method,
    LoraMethod,
    PrefixMethod,
    PromptMethod,
)

BLOCKS = {
    "gpt2": "h",
    "llama": "layers",
    "gpt_neo": "h",
    "gpt_neox": "layers",
    "mistral": "layers",
    "opt": "decoder.layers",
    "qwen2": "layers",
}
IN_TUPLES = ("gpt_neo",)
TOP = {
    "lora": LoraMethod(r=2, layers_to_transform=(1,)),
    "dora": LoraMethod(r=2, layers_to_transform=(1,), use_dora=True, lora_dropout=0.5),
    "one layer": LoraMethod(r=2, target_modules=r".*\.1\..*(c_proj|o_proj)"),
    "bottleneck": BottleneckMethod(target_modules=("1.mlp.c_proj",)),
    "ia3": Ia3Method(target_modules=("1.attn.c_attn", "1.mlp.c_proj")),
}


def batch_of(*lengths):
    generator = torch.Generator().manual_seed(sum(lengths))
    texts = [torch.randint(320, (length,), generator=generator) for length in lengths]
    return flatten([EncodedRow((tuple(text.tolist()),), (), ()) for text in texts])


@pytest.fixture
def folder_named(request, folder_of):
    """Return a function that names the folder of a tiny model of some kind."""
    return lambda kind: (
        request.getfixturevalue(f"{kind}_folder") if kind in ("gpt2", "llama") else folder_of(kind)
    )


@pytest.fixture
def tuned(gpt2_folder):
    """Return a function that makes a GPT-2 with a method."""

    def tuned(method):
        base = load_base(str(gpt2_folder))
        make_method(method).apply(base, torch.Generator().manual_seed(0))
        return base.network

    return tuned


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("kind", BLOCKS)
def test_the_parts_are_the_whole_bit_for_bit(folder_named, kind, at):
    network, batch = load_base(str(folder_named(kind))).network, batch_of(3, 17, 1, 9)
    split = Split(network.get_submodule(network.prefix), BLOCKS[kind], at, kind in IN_TUPLES)
    with torch.no_grad():
        states = split.lower(batch)
        assert torch.equal(split.upper(batch, states), network(batch))
        # And follow from nothing but the states: from others follows something else.
        assert not torch.allclose(split.upper(batch, states.flip(0)), network(batch))


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_lower_part_ends_with_the_states_that_transformers_gives_out(folder_named, kind):
    folder, batch = str(folder_named(kind)), batch_of(5, 20)
    network, stock = load_base(folder).network, AutoModel.from_pretrained(folder).eval()
    split = Split(network.get_submodule(network.prefix), BLOCKS[kind], 1, kind in IN_TUPLES)
    with torch.no_grad():
        found = split.lower(batch)
        for start, end in batch.bounds:
            ids = batch.input_ids[None, start:end]
            expected = stock(ids, output_hidden_states=True).hidden_states[1][0]
            torch.testing.assert_close(found[start:end], expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("method", TOP.values(), ids=TOP.keys())
def test_it_is_cut_below_the_lowest_block_that_trains(tuned, method):
    network = tuned(method)
    before = [name for name, _ in network.named_modules()]
    split = split_below_trained(network)
    assert (split.blocks, split.at) == ("h", 1)
    assert [name for name, _ in network.named_modules()] == before


@pytest.mark.parametrize("kind", BLOCKS)
def test_where_a_head_alone_trains_it_is_cut_above_all_blocks(folder_named, kind):
    base = load_base(str(folder_named(kind)))
    make_method(HeadMethod()).apply(base, torch.Generator())
    split = split_below_trained(base.network)
    assert (split.blocks, split.at, split.in_tuples) == (BLOCKS[kind], 2, kind in IN_TUPLES)


def test_the_normalisation_behind_the_blocks_may_train(tuned):
    method = LoraMethod(r=2, layers_to_transform=(1,), modules_to_save=("ln_f",))
    assert split_below_trained(tuned(method)).at == 1


@pytest.mark.parametrize(
    "method",
    [
        LoraMethod(r=2),
        LoraMethod(r=2, layers_to_transform=(0,)),
        LoraMethod(r=2, layers_to_transform=(1,), modules_to_save=("wpe",)),
        FullMethod(),
        BitfitMethod(),
        PromptMethod(num_virtual_tokens=2),
        PrefixMethod(num_virtual_tokens=2),
    ],
    ids=lambda method: method.kind,
)
def test_it_is_not_cut_where_something_below_trains_or_stands_before_the_texts(tuned, method):
    assert split_below_trained(tuned(method)) is None


def test_it_is_not_cut_where_something_below_is_random(tuned):
    network = tuned(TOP["lora"])
    set_dropout(network, 0.1)
    assert split_below_trained(network) is None


def test_dropout_above_the_cut_is_no_matter(tuned):
    network = tuned(TOP["lora"])
    for module in network.transformer.h[1].modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.1
    assert split_below_trained(network).at == 1


@pytest.mark.parametrize("kind", ["gemma2", "bloom"])
def test_it_is_not_cut_where_texts_are_padded(folder_of, kind):
    base = load_base(str(folder_of(kind)))
    make_method(HeadMethod()).apply(base, torch.Generator())
    assert split_below_trained(base.network) is None


@pytest.mark.parametrize("method", TOP.values(), ids=TOP.keys())
def test_nothing_flows_and_nothing_is_kept_below_what_trains(tuned, method):
    """Without a cut, too: autograd keeps no tensor and runs no backward pass there."""
    network, within, kept, grows = tuned(method), [], {0: 0, 1: 0}, []

    def leave(_, __, states):
        within.clear()
        grows.append(states.requires_grad)

    for number, block in enumerate(network.transformer.h):
        block.register_forward_pre_hook(lambda *_, number=number: within.append(number))
        block.register_forward_hook(leave)

    def pack(tensor):
        for number in within:
            kept[number] += tensor.numel()
        return tensor

    network.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(batch_of(9, 20))
    assert grows == [False, True]
    assert kept[0] == 0
    assert kept[1] > 0
