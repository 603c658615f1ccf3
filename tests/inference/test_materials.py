"""What several runs are made of: read once, and each run's own to change."""

import pytest
import torch

from loratory.errors import DataError
from loratory.inference.materials import KeptMaterials, Materials
from loratory.recipe.load import load_recipe


def weights(tuned):
    return {name: p.detach().clone() for name, p in tuned.base.network.named_parameters()}


def test_a_base_that_a_run_has_changed_is_new_to_the_next(film_recipe):
    recipe, kept = load_recipe(film_recipe), KeptMaterials()
    recipe, _ = kept.rows(recipe)
    first = kept.untrained(recipe)
    for parameter in first.base.network.parameters():
        parameter.data.zero_()
    second, alone = kept.untrained(recipe), Materials().untrained(recipe)
    ours, theirs = weights(second), weights(alone)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_rows_and_tokens_are_read_once_and_again_where_they_would_differ(film_recipe):
    kept = KeptMaterials()
    recipe, rows = kept.rows(load_recipe(film_recipe))
    tuned = kept.untrained(recipe)
    other, same_rows = kept.rows(load_recipe(film_recipe, {"method.r": 2}))
    assert same_rows is rows
    assert kept.encodings(kept.untrained(other), rows) is kept.encodings(tuned, rows)
    _, fewer = kept.rows(load_recipe(film_recipe, {"data.limit.train": 8}))
    assert len(fewer.rows("train")) == 8
    virtual, _ = kept.rows(load_recipe(film_recipe, {"method": {"kind": "prompt"}}))
    again = kept.encodings(kept.untrained(virtual), rows)
    assert again is not kept.encodings(tuned, rows)


@pytest.mark.parametrize("first", ["none", "lora"])
def test_training_rows_are_tokens_wherever_something_trains(film_recipe, first):
    kept, found = KeptMaterials(), {}
    for kind in (first, "lora" if first == "none" else "none"):
        changes = {"task": {"kind": "label_words"}, "method": None, "method.kind": kind}
        recipe, rows = kept.rows(load_recipe(film_recipe, changes))
        found[kind] = kept.encodings(kept.untrained(recipe), rows)
    assert not found["none"]["train"].rows
    assert len(found["lora"]["train"].rows) == len(rows.rows("train"))


def test_steps_are_asked_for_where_a_later_run_learns_from_them(film_recipe, tmp_path):
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"problem": "1 + 1 pens?", "answer": "2"}\n')
    task = {"task": {"kind": "word_problem"}, "data": {"train": str(problems)}}
    changes = {**task, "method": None}
    kept = KeptMaterials()
    kept.rows(load_recipe(film_recipe, {**changes, "method.kind": "none"}))
    with pytest.raises(DataError, match="no steps"):
        kept.rows(load_recipe(film_recipe, {**changes, "method.kind": "lora"}))


def test_rows_of_five_templates_are_kept_from_seed_to_seed_until_they_are_forgotten(film_recipe):
    kept = KeptMaterials()

    def rows(template):
        task = {"kind": "label_words", "template": f"{{text}} {template}: {{label}}"}
        return kept.rows(load_recipe(film_recipe, {"task": task}))[1]

    templates = ["it was", "a film that is", "in short", "I find it", "all in all"]
    first, again = ([rows(template) for template in templates] for _ in range(2))
    assert all(a is b for a, b in zip(first, again, strict=True))
    kept.forget()
    assert rows(templates[0]) is not first[0]
