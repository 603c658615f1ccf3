"""The keys read off the schema, and what they take in words."""

from loratory.recipe.known_keys import ITEM, is_section, keys_of_section, known_key, known_keys
from loratory.recipe.schema import LoraMethod, Recipe, TrainingSection


def test_every_field_of_the_schema_is_a_key():
    assert keys_of_section(()) == [*Recipe.model_fields]
    assert keys_of_section(("training",)) == [*TrainingSection.model_fields]
    assert keys_of_section(("method",)) == [*LoraMethod.model_fields]


def test_every_key_says_what_it_takes():
    assert all(known.expected for known in known_keys().values())


def test_sections_are_told_from_values():
    assert is_section(())
    assert is_section(("data", "limit"))
    assert not is_section(("data", "name"))
    assert not is_section(("data", "no_such_key"))


def test_expectations_are_in_words():
    words = {
        ("training", "epochs"): "a whole number >= 1",
        ("training", "learning_rate"): "a number > 0",
        ("training", "evaluate_every"): "epoch or a whole number >= 1",
        ("training", "schedule"): "one of linear, cosine, constant",
        ("training", "warmup"): "a whole number >= 0 or a number >= 0 and < 1",
        ("task", "labels"): "a list of text",
        ("task", "labels", 3): "text",
        ("task", "kind"): "classify",
        ("base",): "text that is not empty",
        ("data",): "a section of settings",
    }
    assert {path: known_key(path).expected for path in words} == words


def test_a_key_knows_its_types_choices_default_and_help():
    known = known_keys()["training", "schedule"]
    assert known.types == {"string"}
    assert known.choices == ("linear", "cosine", "constant")
    assert known.default == TrainingSection().schedule
    assert known.description.startswith("How the learning rate falls")
    assert known_keys()["training", "max_grad_norm"].types == {"number", "null"}
    assert ("task", "labels", ITEM) in known_keys()
