"""Prompt tuning: it starts as a text would, PEFT computes the same, and faults are refused."""

import json

import pytest
import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM

from loratory.errors import ConfigError, ModelError
from loratory.methods.elsewhere import section_of
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.growing_texts import RereadTexts, growing_texts
from loratory.models.load import load_base
from loratory.models.outline import outline_base
from loratory.models.reading import of_texts
from loratory.recipe.schema import PromptMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
TEXT = "a quiet , lovely film"
OWN = [5, 300, 7, 41]


def prompted(folder, seed=0, *, language_head=False, **settings):
    """Return a base with a prompt that is as it starts."""
    base = load_base(str(folder), language_head=language_head)
    generator = torch.Generator().manual_seed(seed)
    make_method(PromptMethod(**settings)).apply(base, generator)
    return base


def stock_of(kind, folder):
    labels = {"num_labels": 3} if kind.head == "score" else {}
    stock = kind.stock.from_pretrained(folder, **labels)
    if kind.head == "qa_outputs":
        # Llama's class for questions looks for its backbone under a name that no base gives it.
        setattr(stock, stock.base_model_prefix, AutoModel.from_pretrained(folder))
    return stock


def theirs(kind, model, like):
    """Return PEFT's numbers, without those of the virtual tokens."""
    return kind.of_transformers(model)[-len(like) :]


@torch.no_grad()
@pytest.mark.parametrize("count", [2, 9, 40])
def test_it_starts_as_if_its_text_stood_before_every_text(base_folder, count):
    base = prompted(base_folder, num_virtual_tokens=count, init_text=TEXT)
    tokens = base.tokenizer(TEXT)["input_ids"]
    before = (tokens * 40)[:count]
    assert 2 < len(tokens) < 40
    plain = load_base(str(base_folder)).network
    whole = plain(of_texts([before + OWN, before + OWN[:1]], "cpu"))
    expected = torch.cat([whole[count : count + 4], whole[-1:]])
    torch.testing.assert_close(base.network(of_texts([OWN, OWN[:1]], "cpu")), expected, **CLOSE)


@pytest.mark.parametrize("count", [2, 40])
def test_its_text_is_cut_and_repeated_as_peft_does(base_folder, count):
    config = PromptTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=count,
        prompt_tuning_init="TEXT",
        prompt_tuning_init_text=TEXT,
        tokenizer_name_or_path=str(base_folder),
    )
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base_folder), config)
    base = prompted(base_folder, num_virtual_tokens=count, init_text=TEXT)
    expected = model.get_prompt_embedding_to_save("default")
    assert torch.equal(base.network.virtual.prompt_embeddings, expected)


def test_without_a_text_it_starts_as_tokens_drawn_by_the_seed(base_folder):
    one, same, other = (
        prompted(base_folder, seed, num_virtual_tokens=8).network for seed in (0, 0, 1)
    )
    rows = one.get_submodule(one.prefix).get_input_embeddings().weight
    start = one.virtual.prompt_embeddings
    assert all((row == rows).all(1).any() for row in start)
    assert len({tuple(row.tolist()) for row in start}) > 4
    assert torch.equal(start, same.virtual.prompt_embeddings)
    assert not torch.equal(start, other.virtual.prompt_embeddings)


def test_peft_loads_ours_with_every_head(base_folder, kind, tmp_path):
    method = PromptMethod(num_virtual_tokens=5)
    base = kind.stirred(base_folder, method)
    heads = (kind.head,) if kind.head else ()
    make_method(method).save(base, tmp_path, heads=heads)
    model = PeftModel.from_pretrained(stock_of(kind, base_folder), tmp_path)
    expected = kind.numbers(base.network)
    torch.testing.assert_close(theirs(kind, model, expected), expected, **CLOSE)


def test_we_load_pefts_with_every_head(base_folder, kind, tmp_path):
    task = {"score": "SEQ_CLS", "qa_outputs": "QUESTION_ANS", None: "CAUSAL_LM"}[kind.head]
    config = PromptTuningConfig(task_type=task, num_virtual_tokens=4)
    model = get_peft_model(stock_of(kind, base_folder), config)
    model.save_pretrained(tmp_path)
    section = section_of(tmp_path)
    assert section == PromptMethod(num_virtual_tokens=4)
    base = kind.stirred(base_folder, section)
    make_method(section).load(base, tmp_path)
    found = kind.numbers(base.network)
    torch.testing.assert_close(found, theirs(kind, model, found), **CLOSE)


@pytest.mark.parametrize("init_text", [None, TEXT])
def test_its_settings_in_the_folder_are_those_peft_writes(
    base_folder, text_kind, init_text, tmp_path
):
    method = PromptMethod(num_virtual_tokens=6, init_text=init_text)
    base = text_kind.stirred(base_folder, method)
    make_method(method).save(base, tmp_path / "ours", heads=())
    start = {"prompt_tuning_init": "SAMPLE_VOCAB"}
    if init_text:
        start = {
            "prompt_tuning_init": "TEXT",
            "prompt_tuning_init_text": init_text,
            "tokenizer_name_or_path": str(base_folder),
        }
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=6, **start)
    get_peft_model(stock_of(text_kind, base_folder), config).save_pretrained(tmp_path / "peft")
    ours, peft = (
        json.loads((tmp_path / name / "adapter_config.json").read_text())
        for name in ("ours", "peft")
    )
    assert ours == {key: peft[key] for key in ours}
    assert {"num_virtual_tokens", "token_dim", "num_layers", *start} < ours.keys()


# PEFT counts them anew by itself.
@pytest.mark.filterwarnings("ignore:Position ids are not supported:UserWarning")
def test_it_writes_what_peft_writes(base_folder, text_kind, tmp_path):
    method = PromptMethod(num_virtual_tokens=5)
    base = text_kind.stirred(base_folder, method)
    base.network.eval()
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


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"num_virtual_tokens": 64}, "method.num_virtual_tokens"),
        ({"init_text": ""}, "method.init_text"),
    ],
)
def test_what_leaves_nothing_is_refused(gpt2_folder, settings, at):
    section = PromptMethod().model_copy(update=settings)
    with pytest.raises(ConfigError) as caught:
        make_method(section).apply(load_base(str(gpt2_folder)), torch.Generator())
    assert (caught.value.code, caught.value.at) == ("CFG-RANGE", at)


def test_one_position_is_enough_for_a_text(gpt2_folder):
    base = prompted(gpt2_folder, num_virtual_tokens=63)
    assert base.positions == 1
    assert base.network(of_texts([OWN[:1]], "cpu")).shape == (1, 16)


def test_a_folder_with_another_number_of_virtual_tokens_is_refused(
    base_folder, text_kind, tmp_path
):
    six, five = (PromptMethod(num_virtual_tokens=count) for count in (6, 5))
    make_method(six).save(text_kind.stirred(base_folder, six), tmp_path, heads=())
    with pytest.raises(ModelError) as caught:
        make_method(five).load(text_kind.stirred(base_folder, five), tmp_path)
    assert caught.value.code == "ADAPTER-METHOD"


def test_a_tensor_of_another_shape_is_refused_by_its_name_in_the_file(
    base_folder, text_kind, tmp_path
):
    six, five = (PromptMethod(num_virtual_tokens=count) for count in (6, 5))
    make_method(six).save(text_kind.stirred(base_folder, six), tmp_path, heads=())
    config = tmp_path / "adapter_config.json"
    config.write_text(
        config.read_text().replace('"num_virtual_tokens": 6', '"num_virtual_tokens": 5')
    )
    base = text_kind.stirred(base_folder, five)
    before = base.network.virtual.prompt_embeddings.clone()
    with pytest.raises(ModelError) as caught:
        make_method(five).load(base, tmp_path)
    assert caught.value.code == "ADAPTER-BASE"
    assert caught.value.at.endswith("adapter_model.safetensors, prompt_embeddings")
    assert torch.equal(base.network.virtual.prompt_embeddings, before)


@pytest.mark.parametrize("init_text", [None, TEXT])
def test_without_weights_its_shape_is_known(base_folder, init_text):
    outline, generator = outline_base(str(base_folder)), torch.Generator()
    make_method(PromptMethod(init_text=init_text)).apply(outline, generator)
    (known,) = trained_parameters(outline.network).values()
    (real,) = trained_parameters(prompted(base_folder).network).values()
    assert known.is_meta
    assert known.shape == real.shape


def test_before_a_base_in_bfloat16_its_numbers_are_float32_here_and_in_the_folder(
    base_folder, tmp_path
):
    base, method = load_base(str(base_folder), dtype=torch.bfloat16), make_method(PromptMethod())
    method.apply(base, torch.Generator())
    assert {part.dtype for part in trained_parameters(base.network).values()} == {torch.float32}
    method.save(base, tmp_path, heads=())
    (saved,) = load_file(tmp_path / "adapter_model.safetensors").values()
    assert saved.dtype == torch.float32
