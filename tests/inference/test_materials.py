"""What several runs are made of: read once, and each run's own to change."""

import torch

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
