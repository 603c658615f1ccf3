"""Adapters that stock PEFT made: the method they say, their weights, and what is refused."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from loratory.errors import ConfigError, ModelError, SecurityError
from loratory.methods.elsewhere import has_effect, settled
from loratory.methods.make import make_method
from loratory.models.load import load_base
from loratory.recipe.schema import FullMethod, LoraMethod, NoMethod, PeftMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
CONFIG, WEIGHTS, BASE = "adapter_config.json", "adapter_model.safetensors", "base.json"
WORDS = {
    "gpt2": {"one": "c_attn", "full": "mlp.c_fc", "norm": "ln_f", "block": "transformer.h"},
    "llama": {"one": "q_proj", "full": "up_proj", "norm": "norm", "block": "model.layers"},
}
VARIANTS = {
    "of all layers": {"r": 4, "target_modules": "all-linear"},
    "rank 1": {"r": 1, "lora_alpha": 7, "target_modules": "all-linear"},
    "of a list": {"target_modules": ["{one}", "{full}"]},
    "of an expression": {"target_modules": r".*\.1\..*({one}|{full})"},
    "of some blocks": {"target_modules": ["{one}"], "layers_to_transform": [1]},
    "with a layer left out": {"target_modules": ["{one}"], "exclude_modules": [r"{block}.0.attn"]},
    "rslora": {"r": 4, "target_modules": ["{one}"], "use_rslora": True},
    "dora": {"r": 4, "target_modules": "all-linear", "use_dora": True},
    "gaussian": {"target_modules": ["{one}"], "init_lora_weights": "gaussian"},
    "of drawn updates": {"target_modules": ["{one}"], "init_lora_weights": False},
    "patterns": {
        "target_modules": ["{one}", "{full}"],
        "rank_pattern": {"{one}": 2, r".*\.1\..*{full}": 3},
        "alpha_pattern": {r"{block}\.0\..*": 5},
    },
    "a norm in full": {"target_modules": ["{one}"], "modules_to_save": ["{norm}"]},
    "a layer in full": {"target_modules": ["{one}"], "modules_to_save": ["score", "{full}"]},
    "biases of its layers": {"target_modules": ["{one}"], "bias": "lora_only"},
    "all biases": {"target_modules": ["{one}"], "bias": "all"},
    "with dropout": {"target_modules": ["{one}"], "lora_dropout": 0.3},
}


def worded(part, words):
    if isinstance(part, dict):
        return {worded(key, words): worded(value, words) for key, value in part.items()}
    if isinstance(part, list):
        return [worded(value, words) for value in part]
    for name, word in words.items():
        part = part.replace(f"{{{name}}}", word) if isinstance(part, str) else part
    return part


def settings_of(variant, layout):
    return worded(VARIANTS[variant], WORDS[layout]) | {"fan_in_fan_out": layout == "gpt2"}


def loaded(ours, folder):
    """Return a base with the folder's method, a head and the folder's weights."""
    section = settled(PeftMethod(folder=str(folder)))
    base = ours.base(section)
    ours.load(base, folder, section)
    return base


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_peft_trained_computes_the_same_here(ours, peft, variant, tmp_path):
    model = peft.trained(**settings_of(variant, ours.layout))
    model.save_pretrained(tmp_path)
    base = loaded(ours, tmp_path)
    torch.testing.assert_close(ours.logits(base), peft.logits(model), **CLOSE)
    assert has_effect(base.network)


def test_its_settings_are_those_that_peft_was_given(ours, peft, tmp_path):
    settings = {"r": 4, "lora_alpha": 6, "lora_dropout": 0.25, "use_rslora": True, "bias": "all"}
    one = WORDS[ours.layout]["one"]
    targets = {"target_modules": [one], "layers_to_transform": [1]}
    peft.trained(**settings, **targets, fan_in_fan_out=ours.layout == "gpt2").save_pretrained(
        tmp_path
    )
    section = settled(PeftMethod(folder=str(tmp_path)))
    found = section.model_dump(include=settings.keys())
    assert found == settings
    (target,) = section.target_modules
    assert target.startswith(("h.1.", "layers.1."))
    assert target.endswith(f".{one}")
    assert section.modules_to_save == ()


@pytest.mark.filterwarnings("ignore:PiSSA changes the base weights")
@pytest.mark.parametrize("use_rslora", [False, True])
def test_pissa_that_peft_converted_is_an_update_of_twice_the_rank(
    base_folder, text_kind, use_rslora, tmp_path
):
    """PEFT changes the base for PiSSA; converted, its update is one for the base as it was."""
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=4,
        lora_alpha=6,
        target_modules="all-linear",
        init_lora_weights="pissa",
        use_rslora=use_rslora,
        fan_in_fan_out="gpt2" in base_folder.name,
    )
    model = get_peft_model(text_kind.stock.from_pretrained(base_folder), config)
    start, end = tmp_path / "start", tmp_path / "end"
    config.init_lora_weights = True
    model.save_pretrained(start)
    config.init_lora_weights = "pissa"
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn(parameter.shape) * 0.1)
    expected = text_kind.of_transformers(model)
    model.save_pretrained(end, path_initial_model_for_weight_conversion=str(start))
    section = settled(PeftMethod(folder=str(end)))
    assert section.r == 8
    base = load_base(str(base_folder), language_head=True)
    method = make_method(section)
    method.apply(base, torch.Generator())
    method.load(base, end)
    found = text_kind.numbers(base.network)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_what_we_save_is_settled_as_it_was(ours, tmp_path):
    settings = {"r": 4, "use_dora": True, "init_lora_weights": "pissa", "bias": "all"}
    base = ours.stirred(**settings)
    ours.save(base, tmp_path, **settings)
    again = loaded(ours, tmp_path)
    torch.testing.assert_close(ours.logits(again), ours.logits(base), **CLOSE)


@pytest.mark.parametrize("section", [LoraMethod(r=3), FullMethod(), NoMethod()])
def test_a_method_of_ones_own_is_itself(section):
    assert settled(section) is section


@pytest.mark.parametrize("use_dora", [False, True])
def test_an_update_that_was_never_trained_has_no_effect(ours, peft, use_dora, tmp_path):
    settings = {"target_modules": "all-linear", "fan_in_fan_out": ours.layout == "gpt2"}
    config = LoraConfig(task_type="SEQ_CLS", use_dora=use_dora, **settings)
    get_peft_model(peft.stock, config).save_pretrained(tmp_path)
    base = loaded(ours, tmp_path)
    base.network.train()
    assert not has_effect(base.network)
    assert base.network.training


@pytest.mark.parametrize("variant", [{}, {"use_dora": True}, {"init_lora_weights": "pissa"}])
def test_over_a_bfloat16_base_rounding_is_no_effect_and_a_small_update_is_one(ours, variant):
    base = load_base(str(ours.folder))
    base.network.move(torch.device("cpu"), torch.bfloat16)
    make_method(LoraMethod(r=2, **variant)).apply(base, torch.Generator().manual_seed(0))
    assert not has_effect(base.network)
    next(p for n, p in base.network.named_parameters() if n.endswith("lora_B")).data[0, 0] += 0.01
    assert has_effect(base.network)


def test_one_number_is_an_effect_and_a_base_without_adapted_layers_is_none_to_doubt(ours):
    base = ours.base(r=2)
    assert not has_effect(base.network)
    name = next(n for n, _ in base.network.named_parameters() if n.endswith("lora_B"))
    base.network.get_parameter(name).data[0, 0] = 0.5
    assert has_effect(base.network)
    assert has_effect(ours.base(FullMethod()).network)


@pytest.fixture
def adapter(ours, tmp_path):
    """Return a folder that stock PEFT could have written, to be changed."""
    ours.save(ours.stirred(r=4), tmp_path / "adapter", r=4)
    return tmp_path / "adapter"


def change(folder, **fields):
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def refusal_of(folder, kind=ModelError):
    with pytest.raises(kind) as caught:
        settled(PeftMethod(folder=str(folder)))
    return caught.value


@pytest.mark.parametrize("kind", ["LOHA", "lora", None, 3, ["LORA"], ""])
def test_a_method_that_is_not_here_is_refused(adapter, kind):
    change(adapter, peft_type=kind)
    error = refusal_of(adapter)
    assert (error.code, error.exit_code, error.got) == ("ADAPTER-METHOD", 8, kind)
    assert error.at == str(adapter / CONFIG)
    assert "LORA" in error.expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_qalora", True),
        ("lora_bias", True),
        ("alora_invocation_tokens", [1, 2]),
        ("kasa_config", {"beta": 1.0}),
        ("use_bdlora", {"nblocks": 2}),
        ("layer_replication", [[0, 1]]),
        ("trainable_token_indices", [3]),
        ("target_parameters", ["mlp.weight"]),
        ("init_lora_weights", "pissa"),
        ("init_lora_weights", "pissa_niter_4"),
        ("init_lora_weights", "olora"),
        ("init_lora_weights", "loftq"),
        ("init_lora_weights", {"a": 1}),
    ],
)
def test_a_variant_whose_tensors_mean_something_else_is_refused(adapter, field, value):
    change(adapter, **{field: value})
    error = refusal_of(adapter)
    assert (error.code, error.got) == ("ADAPTER-METHOD", {field: value})
    assert error.fix == "let PEFT write it as plain LoRA, or train one here"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("r", -1),
        ("r", "eight"),
        ("lora_alpha", None),
        ("lora_alpha", 0),
        ("lora_dropout", 1.5),
        ("bias", "some"),
        ("rank_pattern", {"c_attn": "x"}),
        ("rank_pattern", 3),
        ("modules_to_save", 3),
    ],
)
def test_settings_without_a_meaning_are_refused_by_name(adapter, field, value):
    change(adapter, **{field: value})
    error = refusal_of(adapter)
    assert (error.code, error.at) == ("ADAPTER-METHOD", str(adapter / CONFIG))
    assert "have no meaning here" in error.problem


def test_an_adapter_that_would_import_code_is_refused(adapter):
    change(adapter, auto_mapping={"parent_library": "os", "base_model_class": "system"})
    assert refusal_of(adapter, SecurityError).code == "SEC-IMPORT"


def test_a_pickled_adapter_is_refused(adapter):
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    error = refusal_of(adapter, SecurityError)
    assert (error.code, error.at) == ("MODEL-FORMAT", str(adapter))
    assert "adapter_model.bin" in error.problem


def test_a_folder_that_is_no_adapter_is_refused(tmp_path):
    assert refusal_of(tmp_path).code == "ADAPTER-FILE"


def test_an_update_of_no_layer_is_refused(adapter):
    save_file({"base_model.model.score.weight": torch.zeros(3, 16)}, adapter / WEIGHTS)
    error = refusal_of(adapter)
    assert (error.code, error.at) == ("ADAPTER-METHOD", str(adapter / CONFIG))
    assert "target_modules" in error.problem


def test_layers_that_the_base_has_not_are_refused_with_those_there_are(gpt2, llama, tmp_path):
    gpt2[0].save(gpt2[0].stirred(), tmp_path)
    with pytest.raises(ConfigError) as caught:
        loaded(llama, tmp_path)
    assert (caught.value.code, caught.value.exit_code) == ("CFG-TARGET", 2)
    assert "q_proj" in caught.value.expected


def test_another_base_of_the_same_layers_is_told_by_its_digest(gpt2, adapter_of_another):
    with pytest.raises(ModelError, match="trained on another base") as caught:
        loaded(gpt2[0], adapter_of_another)
    assert (caught.value.code, caught.value.exit_code) == ("ADAPTER-BASE", 8)


@pytest.fixture
def adapter_of_another(gpt2, tmp_path):
    folder = tmp_path / "other"
    gpt2[0].save(gpt2[0].stirred(r=4), folder, r=4)
    (folder / BASE).write_text(f'{{"sha256": "{"0" * 64}"}}')
    return folder


def test_a_rank_above_a_layers_side_is_refused(adapter, ours):
    change(adapter, r=99)
    with pytest.raises(ConfigError, match="above the smaller side"):
        loaded(ours, adapter)
