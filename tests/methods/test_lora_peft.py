"""LoRA in PEFT's folder: read by PEFT, read from PEFT, and trained as PEFT trains it."""

import pytest
import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer

from loratory.errors import ModelError, NumericsError
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.recipe.schema import LoraMethod, TrainingSection
from loratory.train.optimizer import make_optimizer

CLOSE = {"rtol": 0, "atol": 1e-5}
WEIGHTS = "adapter_model.safetensors"
TARGETS = {
    "gpt2": {
        "all": "all-linear",
        "endings": ["c_attn", "mlp.c_proj"],
        "expression": r"transformer\.h\.1\..*c_(proj|fc)",
    },
    "llama": {
        "all": "all-linear",
        "endings": ["q_proj", "v_proj", "mlp.down_proj"],
        "expression": r"model\.layers\.1\..*(gate|up|o)_proj",
    },
}
ONE = {"gpt2": "c_attn", "llama": "q_proj"}
PER_LAYER = {"rank_pattern": {r".*\.1\..*": 2}, "alpha_pattern": {r".*\.0\..*": 9.0}}
VARIANTS = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "patterns": PER_LAYER,
    "patterns, rslora and dora": {**PER_LAYER, "use_rslora": True, "use_dora": True},
}
STARTS = {
    "pissa": {"init_lora_weights": "pissa"},
    "pissa and rslora": {"init_lora_weights": "pissa", "use_rslora": True},
    "pissa, dora and patterns": {**PER_LAYER, "init_lora_weights": "pissa", "use_dora": True},
}


@pytest.fixture(params=["all", "endings", "expression"])
def targets(ours, request):
    return TARGETS[ours.layout][request.param]


@pytest.fixture
def in_pefts_layout(ours):
    return {"fan_in_fan_out": ours.layout == "gpt2"}


WIDE = {
    "gpt2": {"n_embd": 64, "n_inner": 96, "n_layer": 2, "n_head": 4},
    "llama": {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    | {"num_attention_heads": 4},
}


@pytest.fixture(params=WIDE)
def wide(request, gpt2, gpt2_folder, tmp_path):
    """Return a base whose layers are 64 wide and 96 in the middle, as `ours` and as `peft`."""
    torch.manual_seed(6)
    config = AutoConfig.for_model(request.param, vocab_size=320, **WIDE[request.param])
    AutoModel.from_config(config).save_pretrained(tmp_path / "wide")
    AutoTokenizer.from_pretrained(gpt2_folder).save_pretrained(tmp_path / "wide")
    return tuple(type(one)(tmp_path / "wide") for one in gpt2)


@pytest.mark.parametrize("r", [1, 4, 8])
def test_peft_loads_ours_with_equal_logits(ours, peft, targets, r, tmp_path):
    settings = {"r": r, "lora_alpha": 3.0 * r + 1, "target_modules": targets}
    base = ours.stirred(**settings)
    ours.save(base, tmp_path, **settings)
    found = peft.logits(peft.loaded(tmp_path))
    torch.testing.assert_close(found, ours.logits(base), **CLOSE)


@pytest.mark.parametrize("variant", [*VARIANTS, *STARTS])
def test_peft_loads_every_variant_of_ours_with_equal_logits(ours, peft, variant, tmp_path):
    settings = {"r": 4, "lora_alpha": 6.0} | (VARIANTS | STARTS)[variant]
    base = ours.stirred(**settings)
    ours.save(base, tmp_path, **settings)
    found = peft.logits(peft.loaded(tmp_path))
    torch.testing.assert_close(found, ours.logits(base), **CLOSE)


@pytest.mark.parametrize("variant", ["lora", "dora", "pissa"])
@pytest.mark.parametrize("r", [16, 64])
def test_so_it_is_for_high_ranks(wide, variant, r, tmp_path):
    ours, peft = wide
    settings = {"r": r, "lora_alpha": 24.0} | (VARIANTS | STARTS)[variant]
    base = ours.stirred(**settings)
    ours.save(base, tmp_path, **settings)
    found = peft.logits(peft.loaded(tmp_path))
    # Sums of many and large updates: the limit is that of float32 for numbers of this size.
    size = float(ours.logits(base).abs().max())
    torch.testing.assert_close(found, ours.logits(base), rtol=0, atol=1e-5 * max(1.0, size))


@pytest.mark.parametrize("bias", ["lora_only", "all"])
def test_biases_go_to_peft_with_the_update(gpt2, bias, tmp_path):
    ours, peft = gpt2
    settings = {"target_modules": ["c_attn"], "bias": bias}
    base = ours.stirred(**settings)
    ours.save(base, tmp_path, **settings)
    found = peft.logits(peft.loaded(tmp_path))
    torch.testing.assert_close(found, ours.logits(base), **CLOSE)
    without = ours.stirred(target_modules=["c_attn"])
    assert not torch.allclose(ours.logits(without), found, **CLOSE)


@pytest.mark.parametrize("blocks", [[1], [0]])
def test_an_update_of_some_blocks_goes_to_peft(ours, peft, targets, blocks, tmp_path):
    if isinstance(targets, str) and targets != "all-linear" and blocks == [0]:
        pytest.skip("the expression names the other block")
    settings = {"target_modules": targets, "layers_to_transform": blocks}
    base = ours.stirred(**settings)
    ours.save(base, tmp_path, **settings)
    assert all(f".{blocks[0]}." in key or "score" in key for key in load_file(tmp_path / WEIGHTS))
    torch.testing.assert_close(peft.logits(peft.loaded(tmp_path)), ours.logits(base), **CLOSE)


@pytest.mark.parametrize("r", [1, 4, 8])
def test_we_load_pefts_with_equal_logits(ours, peft, targets, r, in_pefts_layout, tmp_path):
    settings = {"r": r, "lora_alpha": 3 * r + 1, "target_modules": targets}
    model = peft.trained(**settings, **in_pefts_layout)
    model.save_pretrained(tmp_path)
    base = ours.base(**settings)
    ours.load(base, tmp_path, **settings)
    torch.testing.assert_close(ours.logits(base), peft.logits(model), **CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_we_load_every_variant_of_pefts(ours, peft, variant, in_pefts_layout, tmp_path):
    settings = {"r": 4, "lora_alpha": 6, "target_modules": "all-linear", **VARIANTS[variant]}
    model = peft.trained(**settings, **in_pefts_layout)
    model.save_pretrained(tmp_path)
    base = ours.base(**settings)
    ours.load(base, tmp_path, **settings)
    torch.testing.assert_close(ours.logits(base), peft.logits(model), **CLOSE)


@pytest.mark.parametrize("which", ["all", "endings", "expression", "in full", "pissa"])
def test_peft_loads_an_adapter_of_every_head(base_folder, kind, which, tmp_path):
    layout = "gpt2" if "gpt2" in base_folder.name else "llama"
    norm = [{"gpt2": "ln_f", "llama": "model.norm"}[layout]]
    more = {"in full": {"modules_to_save": norm}, "pissa": {"init_lora_weights": "pissa"}}
    targets = TARGETS[layout].get(which, "all-linear")
    method = LoraMethod(target_modules=targets, **more.get(which, {}))
    base, other = (kind.stirred(base_folder, method, seed) for seed in (0, 1))
    make_method(method).save(base, tmp_path, heads=(kind.head,) if kind.head else ())
    labels = {"num_labels": 3} if kind.head == "score" else {}
    stock = kind.stock.from_pretrained(base_folder, **labels)
    if kind.head == "qa_outputs":
        # Llama's class for questions looks for its backbone under a name that no base gives it.
        setattr(stock, stock.base_model_prefix, AutoModel.from_pretrained(base_folder))
    model = PeftModel.from_pretrained(stock, tmp_path)
    torch.testing.assert_close(kind.of_transformers(model), kind.numbers(base.network), **CLOSE)
    make_method(method).load(other, tmp_path)
    assert torch.equal(kind.numbers(other.network), kind.numbers(base.network))


TRAINED_IN_FULL = [
    {"gpt2": "ln_f", "llama": "norm"},
    {"gpt2": "attn.c_proj", "llama": "o_proj"},
    {"gpt2": "wte", "llama": "embed_tokens"},
    {"gpt2": "mlp", "llama": "mlp"},
]


@pytest.mark.parametrize("module", TRAINED_IN_FULL, ids=lambda module: module["llama"])
def test_modules_trained_in_full_go_to_peft_and_come_back(ours, peft, module, tmp_path):
    settings = {
        "target_modules": [ONE[ours.layout]],
        "modules_to_save": [module[ours.layout]],
    }
    base = ours.stirred(**settings)
    ours.save(base, tmp_path, **settings)
    torch.testing.assert_close(peft.logits(peft.loaded(tmp_path)), ours.logits(base), **CLOSE)
    again = ours.base(seed=1, **settings)
    ours.load(again, tmp_path, **settings)
    assert torch.equal(ours.logits(again), ours.logits(base))


def test_a_layer_that_peft_trained_in_full_is_loaded_in_our_layout(gpt2, tmp_path):
    ours, peft = gpt2
    settings = {"r": 8, "lora_alpha": 16, "target_modules": ["c_attn"]}
    model = peft.trained(**settings, modules_to_save=["score", "c_fc"], fan_in_fan_out=True)
    model.save_pretrained(tmp_path)
    settings["modules_to_save"] = ["c_fc"]
    base = ours.base(**settings)
    ours.load(base, tmp_path, **settings)
    torch.testing.assert_close(ours.logits(base), peft.logits(model), **CLOSE)


@pytest.mark.parametrize("variant", [*VARIANTS, *STARTS])
def test_loading_restores_every_bit(ours, variant, tmp_path):
    settings = {"r": 4} | (VARIANTS | STARTS)[variant]
    original = ours.stirred(**settings)
    ours.save(original, tmp_path, **settings)
    other = ours.base(seed=1, **settings)
    for name, buffer in other.network.named_buffers():
        if "start" in name:
            buffer.zero_()
    ours.load(other, tmp_path, **settings)
    found, expected = other.network.state_dict(), original.network.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("half", [0, 1], ids=["of the update", "of what it starts as"])
@pytest.mark.parametrize("damage", ["other sizes", "not finite"])
def test_each_half_of_an_update_of_twice_the_rank_is_checked(ours, half, damage, tmp_path):
    settings = {"init_lora_weights": "pissa", "r": 4}
    ours.save(ours.stirred(**settings), tmp_path, **settings)
    tensors = load_file(tmp_path / WEIGHTS)
    key = min(key for key in tensors if "lora_A" in key)
    if damage == "not finite":
        tensors[key][4 * half] = float("nan")
    else:
        tensors[key] = tensors[key][: 8 - 3 + 2 * half]
    save_file(tensors, tmp_path / WEIGHTS)
    base = ours.base(**settings)
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    error = NumericsError if damage == "not finite" else ModelError
    with pytest.raises(error, match=key):
        ours.load(base, tmp_path, **settings)
    after = base.network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def trained_alike(ours, peft, settings, folder, optimizers):
    """Return the tensors of ours and of PEFT's by key, after three steps of each from one start."""
    base = ours.base(**settings)
    base.network.score.weight.data.normal_(std=0.5, generator=torch.Generator().manual_seed(2))
    ours.save(base, folder / "start", **settings)
    model = PeftModel.from_pretrained(peft.stock, folder / "start", is_trainable=True).eval()
    own, theirs = optimizers(base, model)
    for _ in range(3):
        hidden = base.network(ours.batch)[ours.batch.read_at]
        (base.network.score(hidden) - 1).square().sum().backward()
        (peft._run(model) - 1).square().sum().backward()
        for optimizer in (own, theirs):
            optimizer.step()
            optimizer.zero_grad()
    ours.save(base, folder / "end", **settings)
    return load_file(folder / "end" / WEIGHTS), get_peft_model_state_dict(model)


def assert_trained_alike(found, expected, folder):
    assert found.keys() == expected.keys()
    before = load_file(folder / "start" / WEIGHTS)
    moved = {key: float((found[key] - before[key]).abs().max()) for key in found}
    assert min(moved.values()) > 1e-3
    torch.testing.assert_close(found, dict(expected), rtol=0, atol=2e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_three_steps_of_adamw_end_where_pefts_do(ours, peft, variant, tmp_path):
    settings = {"r": 4, "lora_alpha": 6.0, **VARIANTS[variant]}

    def adamw(base, model):
        parts = (trained_parameters(base.network).values(), model.parameters())
        # Gradients near zero, whose sign is rounding's, should not be divided by their own size.
        return [
            torch.optim.AdamW([p for p in part if p.requires_grad], 1e-2, eps=1e-3)
            for part in parts
        ]

    found, expected = trained_alike(ours, peft, settings, tmp_path, adamw)
    assert_trained_alike(found, expected, tmp_path)


@pytest.mark.parametrize("ratio", [1.0, 16.0])
def test_lora_plus_ends_where_pefts_optimiser_does(ours, peft, ratio, tmp_path):
    settings = {"r": 4, "lora_alpha": 6.0, "loraplus_lr_ratio": ratio}
    training = TrainingSection(learning_rate=1e-2, weight_decay=0.1, epsilon=5e-3)

    def lora_plus(base, model):
        method = make_method(LoraMethod(**settings))
        parameters = trained_parameters(base.network)
        rates = {name: method.rate(name) for name in parameters}
        theirs = create_loraplus_optimizer(
            model,
            torch.optim.AdamW,
            lr=1e-2,
            loraplus_lr_ratio=ratio,
            loraplus_weight_decay=0.1,
            eps=5e-3,
            betas=(training.beta1, training.beta2),
        )
        return make_optimizer(parameters, training, rates), theirs

    found, expected = trained_alike(ours, peft, settings, tmp_path, lora_plus)
    assert_trained_alike(found, expected, tmp_path)
