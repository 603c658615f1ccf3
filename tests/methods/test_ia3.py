"""IA3: the factors of each layer, and PEFT's folders, ours and its own, with equal logits."""

import json

import pytest
import torch
from peft import IA3Config, PeftModel, get_peft_model
from peft.tuners.ia3.layer import Linear as PeftLinear
from torch import nn
from torch.func import functional_call
from transformers import AutoModel

from loratory.errors import ConfigError, ModelError
from loratory.methods.elsewhere import section_of
from loratory.methods.ia3_layer import Ia3Linear
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import Ia3Method

CLOSE = {"rtol": 0, "atol": 1e-5}
# Settings, ours and PEFT's, by layout; None is the usual choice.
TARGETS = {
    "usual": {"gpt2": None, "llama": None},
    "outputs": {
        "gpt2": {"target_modules": ["c_attn", "c_fc"], "feedforward_modules": []},
        "llama": {"target_modules": ["q_proj", "o_proj"], "feedforward_modules": []},
    },
    "one input": {
        "gpt2": {
            "target_modules": ["0.attn.c_proj", "1.attn.c_proj"],
            "feedforward_modules": ["1.attn.c_proj"],
        },
        "llama": {
            "target_modules": ["0.self_attn.o_proj", "1.self_attn.o_proj"],
            "feedforward_modules": ["1.self_attn.o_proj"],
        },
    },
    "endings": {
        "gpt2": {"target_modules": ["c_fc", "attn.c_proj"], "feedforward_modules": ["c_fc"]},
        "llama": {"target_modules": ["up_proj", "k_proj"], "feedforward_modules": ["up_proj"]},
    },
}


@pytest.fixture(params=TARGETS)
def targets(ours, request):
    return TARGETS[request.param][ours.layout] or {}


def applied(folder, dtype=torch.float32, **settings):
    base = load_base(str(folder), dtype=dtype)
    make_method(Ia3Method(**settings)).apply(base, torch.Generator())
    return base.network


def layers(network):
    return {n: layer for n, layer in network.named_modules() if isinstance(layer, Ia3Linear)}


def trained_by_peft(peft, **settings):
    """Return a stock model whose factors PEFT has moved a few steps away from one."""
    torch.manual_seed(5)
    model = get_peft_model(peft.stock, IA3Config(task_type="SEQ_CLS", **settings))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)
    for _ in range(3):
        peft._run(model).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def layer_of(scaled, dtype=torch.float32):
    """Return a layer of random weights and factors, and some inputs."""
    generator = torch.Generator().manual_seed(2)
    layer = Ia3Linear(nn.Linear(5, 3, dtype=dtype), scaled=scaled)
    layer.ia3_l.data.normal_(generator=generator)
    return layer, torch.randn(2, 4, 5, generator=generator).to(dtype)


def test_outputs_are_scaled_with_their_bias():
    base = nn.Linear(2, 2)
    base.weight.data, base.bias.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.ones(2)
    layer = Ia3Linear(base, scaled="outputs")
    layer.ia3_l.data = torch.tensor([[10.0], [0.5]])
    assert layer(torch.tensor([[1.0, -1.0]])).tolist() == [[10 * (1 - 2 + 1), 0.5 * (3 - 4 + 1)]]
    assert layer(torch.tensor([[2.0, 0.0]])).tolist() == [[10 * (2 + 1), 0.5 * (6 + 1)]]


def test_inputs_are_scaled_and_the_bias_is_not():
    base = nn.Linear(2, 2)
    base.weight.data, base.bias.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.ones(2)
    layer = Ia3Linear(base, scaled="inputs")
    layer.ia3_l.data = torch.tensor([[10.0, 0.5]])
    assert layer(torch.tensor([[1.0, 2.0]])).tolist() == [[10 + 2 + 1, 30 + 4 + 1]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scaled", ["inputs", "outputs"])
def test_a_layer_computes_what_pefts_does(scaled, dtype):
    layer, x = layer_of(scaled, dtype)
    layer.ia3_l.data = 1 + layer.ia3_l.data / 200  # bfloat16 has few numbers so near to one
    stock = PeftLinear(layer.base, "default", IA3Config(), is_feedforward=scaled == "inputs")
    stock.ia3_l["default"].data = layer.ia3_l.data.clone()
    assert stock.ia3_l["default"].dtype == layer.ia3_l.dtype == torch.float32
    torch.testing.assert_close(layer(x), stock(x), rtol=1e-6, atol=1e-6)
    assert layer(x).dtype == dtype


@pytest.mark.parametrize("scaled", ["inputs", "outputs"])
def test_gradients_are_those_of_finite_differences(scaled):
    layer, x = layer_of(scaled, torch.float64)
    factors = layer.ia3_l.detach().double().requires_grad_()

    def output(x, factors):
        return functional_call(layer, {"ia3_l": factors}, (x,))

    assert torch.autograd.gradcheck(output, (x.requires_grad_(), factors))


@pytest.mark.parametrize("scaled", ["inputs", "outputs"])
def test_factors_that_round_nothing_merge_bit_for_bit(scaled):
    layer, x = layer_of(scaled, torch.float64)
    shape = layer.ia3_l.shape
    layer.ia3_l.data = torch.tensor([2.0, -0.5, 4.0, 1.0, 0.0])[: shape.numel()].view(shape)
    plain = layer.merged()
    assert type(plain) is nn.Linear
    assert torch.equal(plain(x), layer(x))
    assert not torch.equal(plain(x), layer.base(x))


def test_a_layer_without_a_bias_merges_without_one():
    layer = Ia3Linear(nn.Linear(5, 3, bias=False), scaled="outputs")
    assert layer.merged().bias is None


def test_the_adapted_network_starts_as_the_base_bit_for_bit(ours):
    plain = load_base(str(ours.folder)).network.double()
    adapted = applied(ours.folder).double()
    assert layers(adapted)
    with torch.no_grad():
        read = ours.batch.read_at
        assert torch.equal(adapted(ours.batch)[read], plain(ours.batch)[read])


def test_only_the_factors_train_whatever_did_before(ours):
    base = load_base(str(ours.folder))
    base.network.requires_grad_()
    make_method(Ia3Method()).apply(base, torch.Generator())
    expected = {f"{name}.ia3_l" for name in layers(base.network)}
    assert trained_parameters(base.network).keys() == expected


def test_what_trains_is_float32_where_the_base_is_bfloat16(ours):
    network = applied(ours.folder, torch.bfloat16)
    network(ours.batch)[ours.batch.read_at].float().square().sum().backward()
    trained = trained_parameters(network).values()
    assert {(p.dtype, p.grad.dtype) for p in trained} == {(torch.float32, torch.float32)}


@pytest.mark.parametrize("which", TARGETS)
def test_peft_loads_an_adapter_of_every_head(base_folder, kind, which, tmp_path):
    layout = "gpt2" if "gpt2" in base_folder.name else "llama"
    settings = TARGETS[which][layout] or {}
    method = Ia3Method(**settings)
    base = kind.stirred(base_folder, method)
    heads = (kind.head,) if kind.head else ()
    make_method(method).save(base, tmp_path, heads=heads)
    labels = {"num_labels": 3} if kind.head == "score" else {}
    stock = kind.stock.from_pretrained(base_folder, **labels)
    if kind.head == "qa_outputs":
        # Llama's class for questions looks for its backbone under a name that no base gives it.
        setattr(stock, stock.base_model_prefix, AutoModel.from_pretrained(base_folder))
    model = PeftModel.from_pretrained(stock, tmp_path)
    numbers = kind.numbers(base.network)
    torch.testing.assert_close(kind.of_transformers(model), numbers, **CLOSE)
    other = kind.stirred(base_folder, section_of(tmp_path), seed=1)
    make_method(section_of(tmp_path)).load(other, tmp_path)
    assert torch.equal(kind.numbers(other.network), numbers)


def test_a_folder_of_pefts_gives_a_section_that_loads_it(ours, peft, targets, tmp_path):
    model = trained_by_peft(peft, **targets, fan_in_fan_out=ours.layout == "gpt2")
    model.save_pretrained(tmp_path)
    section = section_of(tmp_path)
    base = ours.base(section)
    assert (ours.logits(base) - peft.logits(model)).abs().max() > 0.01
    ours.load(base, tmp_path, section)
    torch.testing.assert_close(ours.logits(base), peft.logits(model), **CLOSE)


def test_a_folder_of_pefts_may_name_layers_by_expressions(ours, peft, tmp_path):
    model = trained_by_peft(
        peft,
        target_modules=r".*(c_proj|o_proj|up_proj)",
        feedforward_modules=r".*1\.(attn|self_attn)\..*",
        fan_in_fan_out=ours.layout == "gpt2",
    )
    model.save_pretrained(tmp_path)
    base = ours.base(section_of(tmp_path))
    ours.load(base, tmp_path, section_of(tmp_path))
    assert len(layers(base.network)) == 4
    torch.testing.assert_close(ours.logits(base), peft.logits(model), **CLOSE)


def test_our_own_choice_loads_what_pefts_choice_trained(ours, peft, tmp_path):
    model = trained_by_peft(peft, fan_in_fan_out=ours.layout == "gpt2")
    model.save_pretrained(tmp_path)
    base = ours.base(Ia3Method())
    ours.load(base, tmp_path, Ia3Method())
    torch.testing.assert_close(ours.logits(base), peft.logits(model), **CLOSE)


def test_the_folder_holds_the_fields_of_pefts_own(ours, peft, tmp_path):
    trained_by_peft(peft, fan_in_fan_out=ours.layout == "gpt2").save_pretrained(tmp_path / "peft")
    ours.save(ours.base(Ia3Method()), tmp_path / "ours", Ia3Method())
    found, expected = (
        json.loads((tmp_path / name / "adapter_config.json").read_text())
        for name in ("ours", "peft")
    )
    for field in ("peft_type", "task_type", "fan_in_fan_out"):
        assert found[field] == expected[field]
    assert found.keys() <= expected.keys()


def test_factors_of_inputs_are_not_taken_for_those_of_outputs(ours, tmp_path):
    last = {"gpt2": "mlp.c_proj", "llama": "down_proj"}[ours.layout]
    ours.save(ours.base(Ia3Method(target_modules=(last,))), tmp_path, Ia3Method())
    outputs = Ia3Method(target_modules=(last,), feedforward_modules=())
    with pytest.raises(ModelError) as caught:
        ours.load(ours.base(outputs), tmp_path, outputs)
    assert caught.value.code == "ADAPTER-BASE"


def test_of_named_layers_the_last_of_a_feed_forward_part_has_its_inputs_scaled(ours):
    names = {"gpt2": ("c_proj",), "llama": ("o_proj", "down_proj")}[ours.layout]
    found = layers(applied(ours.folder, target_modules=names))
    inputs = {name for name, layer in found.items() if layer.scaled == "inputs"}
    assert len(found) == 4
    assert inputs == {name for name in found if ".mlp." in name}


def test_scaled_inputs_of_no_target_are_refused(ours):
    other = {"gpt2": "c_fc", "llama": "up_proj"}[ours.layout]
    with pytest.raises(ConfigError, match=f"method.feedforward_modules, got '{other}'") as caught:
        applied(ours.folder, feedforward_modules=(other,))
    assert caught.value.code == "CFG-TARGET"


def test_a_name_of_no_layer_is_refused_with_those_there_are(ours):
    with pytest.raises(ConfigError, match=r"(?s)'wo'.*fix: .*(c_attn|k_proj)") as caught:
        applied(ours.folder, target_modules=("wo",))
    assert caught.value.code == "CFG-TARGET"


def test_a_layer_whose_weight_is_read_by_itself_says_so():
    with pytest.raises(ConfigError, match="leave the factors out") as caught:
        _ = layer_of("inputs")[0].weight
    assert caught.value.code == "CFG-TARGET"
