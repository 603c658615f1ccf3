"""Bases in float64, their tokenizers, and transformers' own models of the same weights."""

import pytest
import torch
from platformdirs import user_cache_path
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from loratory.models.load import load_base

MELTING_TEXTS = ["it is so: lovely\n\nnew", "it is so: dull\n\nnew"] * 3


@pytest.fixture(scope="package", params=["gpt2", "llama"])
def lm(request):
    """Return a base that can write, computed in float64: rounding hides no difference."""
    folder = request.getfixturevalue(f"{request.param}_folder")
    return load_base(str(folder), dtype=torch.float64, language_head=True)


@pytest.fixture(scope="package")
def stock_lm(lm):
    """Return transformers' language model of the same weights."""
    return AutoModelForCausalLM.from_pretrained(lm.source.folder, dtype=torch.float64).eval()


@pytest.fixture(scope="package")
def small_tokenizer(gpt2_folder):
    return AutoTokenizer.from_pretrained(gpt2_folder)


@pytest.fixture(scope="package", params=["small", "smollm2"])
def tokenizer(request):
    """Return the tests' tokenizer, and the real one of SmolLM2 where it is on this machine."""
    if request.param == "small":
        return request.getfixturevalue("small_tokenizer")
    folders = sorted((user_cache_path("loratory") / "models").glob("smollm2-135m*"))
    if not folders:
        pytest.skip("no SmolLM2 on this machine: `loratory train` fetches it")
    return AutoTokenizer.from_pretrained(folders[-1])


@pytest.fixture(scope="package")
def melting_tokenizer():
    """Return a tokenizer that keeps no words apart, so that a prompt melts into what follows."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain.train_from_iterator(MELTING_TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<|endoftext|>")
