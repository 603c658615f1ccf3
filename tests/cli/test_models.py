"""`loratory models`: the bases known by name, and whether each can be had."""

import json

KNOWN = {"smollm2-135m", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2"}


def test_json_has_a_name_a_source_and_an_answer_for_each(loratory):
    ran = loratory("models", "--json")
    models = json.loads(ran.out)["models"]
    assert (ran.code, ran.err) == (0, "")
    assert {model["name"] for model in models} >= KNOWN
    for model in models:
        assert model.keys() == {"name", "source", "available"}
        assert isinstance(model["available"], bool)


def test_what_is_neither_here_nor_in_reach_is_not_available(loratory):
    models = {m["name"]: m for m in json.loads(loratory("models", "--json").out)["models"]}
    assert not models["gpt2"]["available"]


def test_a_person_sees_a_table_and_how_to_name_another(loratory):
    ran = loratory("models")
    assert ran.code == 0
    assert all(name in ran.out for name in KNOWN)
    assert "base=FOLDER" in ran.out
