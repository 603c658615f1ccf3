"""From a base section to a base: named ones as ever, new ones counted, drawn, copied and fixed."""

import pytest
import torch
from transformers import AutoModel

from loratory.errors import ConfigError, ModelError
from loratory.methods.full import Full
from loratory.methods.trained import trained_parameters
from loratory.methods.transformers_folder import load_model, save_model
from loratory.models.load import load_base
from loratory.models.make import make_base, outline, tokenizer_for
from loratory.models.reading import of_texts
from loratory.recipe.schema import FullMethod, RecurrentBase


@pytest.fixture
def section(gpt2_folder):
    usual = {"tokenizer": str(gpt2_folder), "hidden_size": 6, "embedding_size": 5}
    return lambda **settings: RecurrentBase(**usual | settings)


def test_a_named_base_is_the_loaded_one(base_folder):
    made, loaded = make_base(str(base_folder), seed=0), load_base(str(base_folder))
    assert made.digest == loaded.digest
    assert outline(str(base_folder)).source == loaded.source


@pytest.mark.parametrize(
    ("settings", "numbers"),
    [
        ({}, 5 * 6 + 6 * 6 + 2 * 6),
        ({"cell": "gru"}, 3 * (5 * 6 + 6 * 6 + 2 * 6)),
        ({"cell": "lstm", "bidirectional": True}, 2 * 4 * (5 * 6 + 6 * 6 + 2 * 6)),
        ({"layers": 2}, 5 * 6 + 3 * 6 * 6 + 4 * 6),
        ({"layers": 2, "bidirectional": True}, 2 * (5 * 6 + 6 * 6 + 12) + 2 * (12 * 6 + 36 + 12)),
    ],
)
def test_the_numbers_are_those_of_the_formula(section, settings, numbers):
    for base in (make_base(section(**settings), seed=0), outline(section(**settings))):
        found = sum(parameter.numel() for parameter in base.network.parameters())
        assert found == len(base.tokenizer) * 5 + numbers


def test_the_published_students_numbers_are_those_of_the_formula(gpt2_folder):
    base = outline(RecurrentBase(tokenizer=str(gpt2_folder)))
    found = sum(parameter.numel() for parameter in base.network.parameters())
    assert found == 768 * len(base.tokenizer) + 2 * 768 * 768 + 2 * 768


def test_another_seed_draws_another_network_of_the_same_digest(section):
    one, same, other = (make_base(section(), seed=seed) for seed in (0, 0, 1))
    weights = [base.network.recurrent.rnn.weight_hh_l0 for base in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert one.digest == other.digest != make_base(section(cell="gru"), seed=0).digest


def test_a_copied_embedding_is_the_bases_own_but_for_its_scale(section, gpt2_folder):
    base = make_base(section(embedding="copied", embedding_size=None), seed=0)
    theirs = AutoModel.from_pretrained(gpt2_folder).wte.weight[: len(base.tokenizer)]
    ours = base.network.recurrent.embedding.weight
    torch.testing.assert_close(ours, theirs / theirs.std())
    outlined = outline(section(embedding="copied", embedding_size=None))
    assert outlined.network.recurrent.embedding.weight.shape == ours.shape


@pytest.mark.parametrize("embedding", ["random", "copied", "frozen"])
def test_all_of_it_trains_but_a_frozen_embedding(section, embedding):
    base = make_base(section(embedding=embedding, embedding_size=None), seed=0)
    Full(FullMethod()).apply(base, torch.Generator())
    names = {name for name, _ in base.network.named_parameters()}
    fixed = {"recurrent.embedding.weight"} if embedding == "frozen" else set()
    assert trained_parameters(base.network).keys() == names - fixed


def test_a_saved_network_is_a_base_and_holds_what_does_not_train_too(section, tmp_path):
    base = make_base(section(embedding="frozen", embedding_size=None), seed=0)
    Full(FullMethod()).apply(base, torch.Generator())
    save_model(base, tmp_path)
    again = load_base(str(tmp_path))
    batch = of_texts([[1, 2, 3], [4]], "cpu")
    torch.testing.assert_close(again.network(batch), base.network(batch))
    other = make_base(section(embedding="random", embedding_size=16), seed=1)
    load_model(other.network, tmp_path)
    torch.testing.assert_close(other.network(batch), base.network(batch))
    assert again.tokenizer("a film")["input_ids"] == base.tokenizer("a film")["input_ids"]
    assert not list(tmp_path.glob("*.bin"))


def test_a_saved_network_has_no_words(section, tmp_path):
    save_model(make_base(section(), seed=0), tmp_path)
    with pytest.raises(ModelError) as caught:
        load_base(str(tmp_path), language_head=True)
    assert caught.value.code == "MODEL-ARCH"


def test_its_texts_are_of_any_length(section):
    tokenizer, positions = tokenizer_for(section())
    assert positions == make_base(section(), seed=0).positions > 10**9
    assert len(tokenizer) == make_base(section(), seed=0).network.config.vocab_size


def test_an_embedding_of_another_width_is_refused(section):
    for make in (outline, lambda described: make_base(described, seed=0)):
        with pytest.raises(ConfigError) as caught:
            make(section(embedding="copied", embedding_size=7))
        assert (caught.value.code, caught.value.got, caught.value.expected) == (
            "CFG-VALUE",
            7,
            "16",
        )
