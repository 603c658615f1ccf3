"""How many numbers there are and train: beside transformers, real networks and hand arithmetic."""

from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from loratory.methods.count import PARTS, add_parts, count, parts_of
from loratory.methods.make import make_method
from loratory.methods.trained import parameter_counts
from loratory.models.load import load_base
from loratory.models.outline import outline_base
from loratory.recipe.schema import (
    BitfitMethod,
    ClassifyTask,
    FullMethod,
    HeadMethod,
    LoraMethod,
    NoMethod,
)
from loratory.tasks.make import make_task

LABELS = ("negative", "neither", "positive")
SCORE = 3 * 16


def counted(folder, section, load=outline_base):
    """Return the counts of a base with a method and a head for three classes."""
    base = load(str(folder))
    parts, generator = parts_of(base.network), torch.Generator().manual_seed(0)
    make_method(section).apply(base, generator)
    add_parts(parts, base.network, "method")
    task = ClassifyTask(labels=LABELS)
    task = make_task(task, tokenizer=base.tokenizer, positions=base.positions)
    task.attach(base.network, generator)
    add_parts(parts, base.network, "head")
    return count(base.network, parts)


def test_without_weights_the_counts_are_those_of_the_real_network(ours, case):
    real = ours.base(case.section).network
    trains = {p: p.numel() for p in real.parameters() if p.requires_grad}
    found = counted(ours.folder, case.section)
    assert found.total == sum({p: p.numel() for p in real.parameters()}.values())
    assert found.trainable == sum(trains.values())
    assert found == counted(ours.folder, case.section, load_base)


def test_the_parts_are_the_base_the_method_and_the_head(ours, case):
    own = parameter_counts(load_base(str(ours.folder)).network)[1]
    parts = counted(ours.folder, case.section).parts
    assert parts["head"].total == parts["head"].trainable == SCORE
    assert parts["method"].frozen == 0
    assert sum(parts[part].total for part in set(PARTS) - {"head", "method"}) == own
    in_base = sum(parts[part].trainable for part in set(PARTS) - {"head", "method"})
    # The one method that gives the tiny Llama, which has no biases, what it trains of a base.
    adds = case.section.kind == "bitfit" and ours.layout == "llama"
    no_bias = case.section.kind == "lora" and ours.layout == "llama"
    assert bool(in_base) == (case.trains_base and not adds and not no_bias)


def test_the_adapters_bytes_are_those_of_the_tensors_in_its_folder(ours, case, tmp_path):
    ours.save(ours.base(case.section), tmp_path, case.section)
    tensors = [t for path in tmp_path.glob("*.safetensors") for t in load_file(path).values()]
    size = sum(tensor.nbytes for tensor in tensors)
    assert counted(ours.folder, case.section).adapter_bytes == size > 0


# Of the tiny GPT-2 a block's layers are [in, out] = [16, 48], [16, 16], [16, 64], [64, 16].
INS_AND_OUTS = 2 * (64 + 32 + 80 + 80)
OUTS = 2 * (48 + 16 + 64 + 16)
WEIGHTS = 2 * (16 * 48 + 16 * 16 + 16 * 64 + 64 * 16)
NORMS = (2 * 2 + 1) * 2 * 16
ATTENTION = ("attn.c_attn", "attn.c_proj")
BY_HAND = [
    (LoraMethod(r=4), 4 * INS_AND_OUTS, 0),
    (LoraMethod(r=4, target_modules=ATTENTION), 4 * 2 * (64 + 32), 0),
    (LoraMethod(r=4, rank_pattern={"c_fc": 1}), 4 * INS_AND_OUTS - 3 * 2 * 80, 0),
    (LoraMethod(r=4, layers_to_transform=(1,)), 2 * INS_AND_OUTS, 0),
    (LoraMethod(r=4, use_dora=True), 4 * INS_AND_OUTS + OUTS, 0),
    (LoraMethod(r=4, init_lora_weights="pissa"), 4 * INS_AND_OUTS, 4 * INS_AND_OUTS),
    (
        LoraMethod(r=4, target_modules=ATTENTION, bias="lora_only"),
        4 * 2 * (64 + 32) + 2 * (48 + 16),
        0,
    ),
    (LoraMethod(r=4, bias="all"), 4 * INS_AND_OUTS + OUTS + NORMS // 2, 0),
    (LoraMethod(r=4, modules_to_save=("wpe",)), 4 * INS_AND_OUTS + 64 * 16, 0),
    (BitfitMethod(), OUTS + NORMS // 2, 0),
    (FullMethod(), (320 + 64) * 16 + WEIGHTS + OUTS + NORMS, 0),
    (HeadMethod(), 0, 0),
    (NoMethod(), 0, 0),
]


@pytest.mark.parametrize(("section", "trains", "beside"), BY_HAND, ids=str)
def test_of_a_few_methods_the_counts_are_worked_out_by_hand(gpt2_folder, section, trains, beside):
    found = counted(gpt2_folder, section)
    assert found.trainable == trains + SCORE
    assert found.adapter_bytes == 4 * (trains + beside + SCORE)
    assert found.optimizer_bytes == 12 * (trains + SCORE)
    assert found.frozen == found.total - found.trainable


KINDS = (
    *("bloom", "cohere", "falcon", "gemma2", "gpt2", "gpt_neo", "gpt_neox", "gptj", "llama"),
    *("mistral", "mixtral", "mpt", "opt", "phi", "qwen2", "qwen3"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_falls_into_its_parts(kind):
    """Compared with transformers: its count of all, and the classes of its modules."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind))
    found = count(model)
    assert found.total == model.num_parameters()
    assert [name for name, part in found.parts.items() if not part.total] in (
        ["head", "other", "method"],
        ["other", "method"],
    )
    attention = {
        p: p.numel()
        for module in model.modules()
        if "Attention" in type(module).__name__
        for layer in module.modules()
        if "Norm" not in type(layer).__name__
        for p in layer.parameters(recurse=False)
    }
    assert found.parts["attention"].total == sum(attention.values())
    embedded = model.get_input_embeddings().weight
    assert found.parts["embeddings"].total >= embedded.numel()
    tied = model.get_output_embeddings().weight is embedded
    assert bool(found.parts["head"].total) is not tied


def test_any_network_can_be_counted():
    sizes = (1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1)
    layers = [nn.Linear(*pair) for pair in pairwise(sizes)]
    network = nn.Sequential(*layers)
    assert count(network).trainable == count(network).total == 700_073
    for layer in layers:
        layer.weight.requires_grad_(requires_grad=False)
    found = count(network)
    assert found.trainable == 512 + 256 + 128 + 64 + 32 + 16 + 8 + 4 + 2 + 1
    assert found.parts["other"].total == found.total
    assert 0.0014 < found.share < 0.0015


def test_tied_weights_count_once_and_where_they_come_first():
    network = nn.ModuleDict({"tokens": nn.Embedding(5, 3), "words": nn.Linear(3, 5)})
    network["words"].weight = network["tokens"].weight
    found = count(network)
    assert (found.total, found.parts["embeddings"].total) == (5 * 3 + 5, 5 * 3)


def test_of_nothing_no_share_trains():
    found = count(nn.ReLU())
    assert (found.total, found.share, found.adapter_bytes, found.optimizer_bytes) == (0, 0, 0, 0)
