"""Tokenizers in GGUF files: transformers reads the same one back, and odd ones have no name."""

import json

import pytest
from gguf import GGUFReader, GGUFWriter
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from loratory.export.gguf_tokens import add_tokens, split_name
from loratory.models.gguf_network import FILE, read_gguf_tokenizer

DIGITS = {"type": "Digits", "individual_digits": True}
WORDS = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@pytest.fixture(scope="module")
def tokenizer(gpt2_folder):
    return AutoTokenizer.from_pretrained(gpt2_folder)


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    """Return a folder with a GGUF file of the tokenizer and four tokens that no text has."""
    place = tmp_path_factory.mktemp("tokens")
    writer = GGUFWriter(place / FILE, "gpt2")
    add_tokens(writer, tokenizer, rows=len(tokenizer) + 4, begin=(0,))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return place


def changed(tokenizer, **parts):
    """Return a tokenizer that differs in parts of its description."""
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    whole["model"].update(parts.pop("model", {}))
    backend = Tokenizer.from_str(json.dumps(whole | parts))
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ({}, "gpt-2"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [WORDS]}}, "gpt-2"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [DIGITS, WORDS]}}, "smollm"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [WORDS, DIGITS]}}, None),
        ({"pre_tokenizer": WORDS | {"add_prefix_space": True}}, None),
        ({"pre_tokenizer": None}, None),
        ({"normalizer": {"type": "NFC"}}, None),
        ({"model": {"ignore_merges": True}}, None),
    ],
)
def test_a_way_to_split_texts_has_a_name_only_if_llama_cpp_splits_so(tokenizer, parts, name):
    assert split_name(changed(tokenizer, **parts)) == name


def test_a_tokenizer_without_an_end_of_text_has_none(tokenizer):
    assert split_name(PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)) is None


@pytest.fixture(scope="module")
def read(folder):
    return read_gguf_tokenizer(folder)


@settings(max_examples=50)
@given(st.text())
def test_any_text_has_the_tokens_that_it_had(tokenizer, read, text):
    ours, theirs = (each(text, add_special_tokens=False)["input_ids"] for each in (tokenizer, read))
    assert theirs == ours
    assert read.decode(theirs) == tokenizer.decode(ours)


def test_what_llama_cpp_puts_before_a_text_and_stops_at_is_said(tokenizer, folder):
    fields = GGUFReader(folder / FILE).fields
    said = {name: field.contents() for name, field in fields.items() if "ggml" in name}
    ends = ("bos_token_id", "eos_token_id", "add_bos_token", "add_eos_token")
    assert [said[f"tokenizer.ggml.{name}"] for name in ends] == [0, 0, True, False]
    count = len(tokenizer)
    assert said["tokenizer.ggml.tokens"][count:] == [f"[PAD{count + n}]" for n in range(4)]
    # Of gguf.TokenType: reserved, of texts, unused.
    assert said["tokenizer.ggml.token_type"] == [3, *[1] * (count - 1), *[5] * 4]
