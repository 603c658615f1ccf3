"""Targets: a list of endings, one regular expression, or every linear layer; as in PEFT."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModel

from loratory.errors import ConfigError
from loratory.methods.targets import ends_in, in_blocks, last_parts, target_names
from loratory.models.load import load_base
from loratory.models.make import outline
from loratory.recipe.schema import RecurrentBase

PROJECTIONS = {
    "gpt2": {"c_attn", "c_fc", "c_proj"},
    "llama": {"down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"},
}


@pytest.fixture(params=["gpt2", "llama"])
def layout(request):
    return request.param


@pytest.fixture
def network(layout, request):
    return load_base(str(request.getfixturevalue(f"{layout}_folder"))).network


def test_all_linear_is_every_linear_layer_of_the_backbone_and_no_head(network, layout):
    network.add_module("score", nn.Linear(16, 3))
    names = target_names(network, "all-linear")
    assert {name.rpartition(".")[2] for name in names} == PROJECTIONS[layout]
    assert len(names) == 2 * {"gpt2": 4, "llama": 7}[layout]
    assert all(name.startswith(f"{network.prefix}.") for name in names)


TARGETS = [
    ["c_proj", "q_proj"],
    ["mlp.c_proj", "mlp.up_proj"],
    ["c_fc", "c_attn", "v_proj", "k_proj"],
    r".*\.1\..*(c_attn|[qk]_proj)",
    r".*(mlp)\.(c_fc|gate_proj)",
    r"h\.0\.attn\.c_proj|layers\.0\.self_attn\.o_proj",
]


@pytest.mark.parametrize("targets", TARGETS, ids=str)
def test_the_layers_are_those_that_peft_adapts(layout, network, targets, request):
    ours = {
        name.removeprefix(f"{network.prefix}.")
        for name in target_names(network, meant(targets, network, layout))
    }
    stock = AutoModel.from_pretrained(request.getfixturevalue(f"{layout}_folder"))
    config = LoraConfig(target_modules=targets, fan_in_fan_out=layout == "gpt2")
    adapted = get_peft_model(stock, config)
    theirs = {
        name.removeprefix("base_model.model.").removesuffix(".lora_A.default")
        for name, _ in adapted.named_modules()
        if name.endswith(".lora_A.default")
    }
    assert ours == theirs


def meant(targets, network, layout):
    """Return the targets that this layout has, for names that begin with the prefix."""
    if isinstance(targets, str):
        return rf"{network.prefix}\.({targets})"
    return [target for target in targets if target.rpartition(".")[2] in PROJECTIONS[layout]]


def test_the_order_is_the_networks_whatever_the_order_of_the_targets(network, layout):
    every = target_names(network, "all-linear")
    assert target_names(network, sorted(PROJECTIONS[layout], reverse=True)) == every


def test_an_ending_is_whole_parts_of_a_name():
    assert ends_in("h.0.attn.c_attn", "c_attn")
    assert ends_in("h.0.attn.c_attn", "attn.c_attn")
    assert ends_in("c_attn", "c_attn")
    assert not ends_in("h.0.attn.c_attn", "attn")
    assert not ends_in("h.0.input_layernorm", "norm")


def test_people_name_layers_by_their_last_part():
    assert last_parts(["h.0.mlp.c_fc", "h.1.mlp.c_fc", "h.0.attn.c_attn"]) == ["c_attn", "c_fc"]


@pytest.mark.parametrize(
    ("targets", "unknown"),
    [
        (["no_proj"], "no_proj"),
        (["attn"], "attn"),
        ("no_.*", "no_.*"),
        ("c_attn", "c_attn"),
        (["ln_f"], "ln_f"),
        ([""], ""),
    ],
)
def test_a_target_that_matches_nothing_lists_the_layers_there_are(
    network, layout, targets, unknown
):
    with pytest.raises(ConfigError) as caught:
        target_names(network, targets)
    error, available = caught.value, ", ".join(sorted(PROJECTIONS[layout]))
    assert (error.code, error.exit_code) == ("CFG-TARGET", 2)
    assert (error.at, error.got) == ("method.target_modules", unknown)
    assert available in error.expected
    assert available in error.fix


def test_one_unknown_target_among_known_ones_is_an_error_too(network, layout):
    known = min(PROJECTIONS[layout])
    with pytest.raises(ConfigError, match="got 'no_proj'"):
        target_names(network, [known, "no_proj"])


@pytest.mark.parametrize("expression", ["(", "*", "[a"])
def test_what_is_no_regular_expression_is_said_to_be_none(network, expression):
    with pytest.raises(ConfigError, match="not a regular expression") as caught:
        target_names(network, expression)
    error = caught.value
    assert (error.code, error.at, error.got) == (
        "CFG-TARGET",
        "method.target_modules",
        expression,
    )


def test_weights_are_not_touched_by_the_search(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    target_names(network, "all-linear")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_only_the_layers_of_the_blocks_asked_for_are_kept_in_order():
    names = [f"model.layers.{block}.mlp.up_proj" for block in range(12)]
    assert in_blocks(names, [11, 1]) == [names[1], names[11]]
    assert in_blocks(["model.norm", *names[:2]], [0]) == [names[0]]


@pytest.mark.parametrize(("blocks", "wrong"), [([2], 2), ([0, 9, 7], 7)])
def test_a_block_that_is_not_there_is_refused(network, blocks, wrong):
    with pytest.raises(ConfigError) as caught:
        in_blocks(target_names(network, "all-linear"), blocks)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == (
        "CFG-TARGET",
        2,
        "method.layers_to_transform",
    )
    assert (error.got, error.expected) == (wrong, "numbers of 0…1")


def test_a_block_without_a_target_layer_is_refused(network, layout):
    name = {"gpt2": "h.0.mlp.c_fc", "llama": "layers.0.mlp.up_proj"}[layout]
    with pytest.raises(ConfigError, match="no target layer is in this block") as caught:
        in_blocks(target_names(network, [name]), [1])
    assert caught.value.got == 1


@pytest.mark.parametrize("targets", ["all-linear", ["c_attn"], ".*"])
def test_a_base_without_linear_layers_is_refused(targets, gpt2_folder):
    network = outline(RecurrentBase(tokenizer=str(gpt2_folder), hidden_size=4)).network
    with pytest.raises(ConfigError) as caught:
        target_names(network, targets)
    assert (caught.value.code, caught.value.fix) == ("CFG-TARGET", "set method.kind to full")
