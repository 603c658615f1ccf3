"""Prefix tuning: it starts as a text would, PEFT computes the same, and faults are refused."""

import json
import shutil

import pytest
import torch
from peft import PeftModel, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from loratory.errors import ConfigError, ModelError
from loratory.methods.elsewhere import section_of
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.growing_texts import RereadTexts, growing_texts
from loratory.models.load import load_base
from loratory.models.outline import outline_base
from loratory.models.reading import of_texts
from loratory.recipe.schema import PrefixMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
TEXT = "a quiet , lovely film"
OWN = [5, 300, 7, 41]


def prefixed(folder, seed=0, **settings):
    """Return a base with a prefix that is as it starts."""
    base, generator = load_base(str(folder)), torch.Generator().manual_seed(seed)
    make_method(PrefixMethod(**settings)).apply(base, generator)
    return base


def stock_of(kind, folder):
    labels = {"num_labels": 3} if kind.head == "score" else {}
    stock = kind.stock.from_pretrained(folder, **labels)
    if kind.head == "qa_outputs":
        # Llama's class for questions looks for its backbone under a name that no base gives it.
        setattr(stock, stock.base_model_prefix, AutoModel.from_pretrained(folder))
    return stock


@torch.no_grad()
@pytest.mark.parametrize("count", [2, 9, 40])
def test_it_starts_as_if_its_text_stood_before_every_text(base_folder, count):
    base = prefixed(base_folder, num_virtual_tokens=count, init_text=TEXT)
    tokens = base.tokenizer(TEXT)["input_ids"]
    before = (tokens * 40)[:count]
    assert 2 < len(tokens) < 40
    plain = load_base(str(base_folder)).network
    whole = plain(of_texts([before + OWN, before + OWN[:1]], "cpu"))
    expected = torch.cat([whole[count : count + 4], whole[-1:]])
    torch.testing.assert_close(base.network(of_texts([OWN, OWN[:1]], "cpu")), expected, **CLOSE)


def test_without_a_text_it_starts_as_tokens_drawn_by_the_seed(base_folder):
    one, same, other = (
        prefixed(base_folder, seed, num_virtual_tokens=8).network.virtual.prompt_embeddings
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_peft_loads_ours_with_every_head(base_folder, kind, tmp_path):
    method = PrefixMethod(num_virtual_tokens=5)
    base = kind.stirred(base_folder, method)
    heads = (kind.head,) if kind.head else ()
    make_method(method).save(base, tmp_path, heads=heads)
    model = PeftModel.from_pretrained(stock_of(kind, base_folder), tmp_path)
    torch.testing.assert_close(kind.of_transformers(model), kind.numbers(base.network), **CLOSE)


@pytest.mark.parametrize("projected", [False, True])
def test_we_load_pefts_with_every_head(base_folder, kind, projected, tmp_path):
    task = {"score": "SEQ_CLS", "qa_outputs": "QUESTION_ANS", None: "CAUSAL_LM"}[kind.head]
    config = PrefixTuningConfig(task_type=task, num_virtual_tokens=4, prefix_projection=projected)
    model = get_peft_model(stock_of(kind, base_folder), config)
    model.save_pretrained(tmp_path)
    section = section_of(tmp_path)
    assert section == PrefixMethod(num_virtual_tokens=4)
    base = kind.stirred(base_folder, section)
    make_method(section).load(base, tmp_path)
    torch.testing.assert_close(kind.numbers(base.network), kind.of_transformers(model), **CLOSE)


def test_its_settings_in_the_folder_are_those_peft_writes(base_folder, text_kind, tmp_path):
    method = PrefixMethod(num_virtual_tokens=6)
    base = text_kind.stirred(base_folder, method)
    make_method(method).save(base, tmp_path / "ours", heads=())
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=6)
    get_peft_model(stock_of(text_kind, base_folder), config).save_pretrained(tmp_path / "peft")
    ours, peft = (
        json.loads((tmp_path / name / "adapter_config.json").read_text())
        for name in ("ours", "peft")
    )
    assert ours == {key: peft[key] for key in ours}
    assert {"num_virtual_tokens", "token_dim", "num_layers", "num_attention_heads"} < ours.keys()


def test_it_writes_what_peft_writes(base_folder, text_kind, tmp_path):
    method = PrefixMethod(num_virtual_tokens=5)
    base = text_kind.stirred(base_folder, method)
    make_method(method).save(base, tmp_path, heads=())
    model = PeftModel.from_pretrained(stock_of(text_kind, base_folder), tmp_path).eval()
    expected = model.generate(
        input_ids=torch.tensor([OWN]),
        attention_mask=torch.ones(1, 4, dtype=torch.long),
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )[0].tolist()
    for growing in (growing_texts(base.network, tokens_at_once=99), RereadTexts(base.network, 99)):
        with torch.inference_mode():
            written = [int(growing.add([OWN]).argmax())]
            while len(written) < 12:
                written.append(int(growing.grow(written[-1:]).argmax()))
        assert written == expected[-12:]


OTHERWISE = {
    "bloom": {"n_layer": 2, "n_head": 4},
    # It reads flat batches, by a mask of transformers' own.
    "gpt_neo": {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]},
    "mamba": {"num_hidden_layers": 2},
}


@pytest.mark.parametrize("model_type", OTHERWISE)
def test_a_base_that_attends_in_a_way_of_its_own_is_refused(model_type, gpt2_folder, tmp_path):
    shutil.copytree(gpt2_folder, tmp_path, dirs_exist_ok=True)
    sizes = {"vocab_size": 320, "hidden_size": 16, **OTHERWISE[model_type]}
    tokens = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    config = AutoConfig.for_model(model_type, **sizes, **tokens)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    base = load_base(str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        make_method(PrefixMethod()).apply(base, torch.Generator())
    assert (caught.value.code, caught.value.at) == ("CFG-METHOD", "method.kind")
    assert "method.kind=prompt" in caught.value.fix
    assert base.network.virtual is None


def test_a_prefix_that_leaves_no_position_is_refused(gpt2_folder):
    with pytest.raises(ConfigError) as caught:
        prefixed(gpt2_folder, num_virtual_tokens=64)
    assert (caught.value.code, caught.value.at) == ("CFG-RANGE", "method.num_virtual_tokens")
    assert prefixed(gpt2_folder, num_virtual_tokens=63).positions == 1


def test_a_folder_with_another_number_of_virtual_tokens_is_refused(
    base_folder, text_kind, tmp_path
):
    six, five = (PrefixMethod(num_virtual_tokens=count) for count in (6, 5))
    make_method(six).save(text_kind.stirred(base_folder, six), tmp_path, heads=())
    with pytest.raises(ModelError) as caught:
        make_method(five).load(text_kind.stirred(base_folder, five), tmp_path)
    assert caught.value.code == "ADAPTER-METHOD"


@pytest.mark.parametrize("init_text", [None, TEXT])
def test_without_weights_its_shape_is_known(base_folder, init_text):
    outline, generator = outline_base(str(base_folder)), torch.Generator()
    make_method(PrefixMethod(init_text=init_text)).apply(outline, generator)
    (known,) = trained_parameters(outline.network).values()
    (real,) = trained_parameters(prefixed(base_folder).network).values()
    assert known.is_meta
    assert known.shape == real.shape


def test_before_a_base_in_bfloat16_its_numbers_are_float32_here_and_in_the_folder(
    base_folder, tmp_path
):
    base, method = load_base(str(base_folder), dtype=torch.bfloat16), make_method(PrefixMethod())
    method.apply(base, torch.Generator())
    assert {part.dtype for part in trained_parameters(base.network).values()} == {torch.float32}
    method.save(base, tmp_path, heads=())
    (saved,) = load_file(tmp_path / "adapter_model.safetensors").values()
    assert saved.dtype == torch.float32
