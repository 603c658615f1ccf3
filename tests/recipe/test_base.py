"""The base section: a name as ever, or a new network described."""

import pytest

from loratory.recipe.base import RecurrentBase, base_name
from loratory.recipe.load import dump_recipe, load_recipe

NEW = "base={kind: recurrent, tokenizer: gpt2}"
FULL = "method={kind: full}"


def test_a_name_stays_a_name(loaded):
    assert loaded().base == "gpt2"
    assert base_name("gpt2") == "gpt2"


def test_a_new_network_is_the_published_one_unless_it_says_more(loaded):
    base = loaded("", NEW, FULL).base
    assert base == RecurrentBase(tokenizer="gpt2")
    assert (base.cell, base.hidden_size, base.layers, base.pooling) == ("rnn", 768, 1, "last")
    assert base_name(base) == "rnn 768"


def test_it_survives_being_written(loaded, recipe_path):
    recipe = loaded("", "base={tokenizer: x, cell: lstm, bidirectional: true}", FULL)
    assert load_recipe(recipe_path(dump_recipe(recipe))) == recipe


def test_one_setting_of_it_can_be_overridden(recipe_path):
    text = "base: {kind: recurrent, tokenizer: gpt2}\ndata: {name: cola}\nmethod: {kind: full}\n"
    assert load_recipe(recipe_path(text), ["base.cell=gru"]).base.cell == "gru"


@pytest.mark.parametrize(
    ("overrides", "at", "fix"),
    [
        (["base={kind: recurrent}", FULL], "base.tokenizer", "add `base.tokenizer`"),
        (["base={tokenizer: x, cell: rnm}", FULL], "base.cell", "did you mean rnn?"),
        (["base={kind: recurent, tokenizer: x}", FULL], "base.kind", "did you mean recurrent?"),
        (["base={tokenizer: x, hiden_size: 3}", FULL], "base.hiden_size", "`hidden_size`"),
        (["base={tokenizer: x, layers: 0}", FULL], "base.layers", "a whole number >= 1"),
        (["base=[x]"], "base", "text that is not empty or a section"),
        ([NEW, "method={kind: lora}"], "method.kind", "set method.kind to full"),
        ([NEW, "method={kind: head}"], "method.kind", "set method.kind to full"),
        ([NEW, FULL, "task={kind: label_words}"], "task.kind", "set task.kind to classify"),
    ],
)
def test_what_cannot_be_is_refused_by_name(refusal, overrides, at, fix):
    error = refusal("", *overrides)
    assert error.at.startswith(f"command line: {at}")
    assert fix in error.fix
