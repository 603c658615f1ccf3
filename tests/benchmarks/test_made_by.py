"""The command behind a kept recipe: it leads to that recipe, and says no more than was changed."""

import json
import shlex

import pytest

from benchmarks.keep import KEPT
from benchmarks.made_by import made_by
from loratory.recipe.load import load_recipe, recipe_of

NOT_SAID = {
    "seed": True,
    "task": {"labels"},  # a run's own, where the recipe leaves them to the data
    "training": {"device", "threads", "micro_batch_tokens"},
}
RECIPES = {
    path.stem: found["recipe"]
    for path in sorted(KEPT.glob("*.json"))
    if "recipe" in (found := json.loads(path.read_text(encoding="utf-8")))
}


def plain(recipe):
    return recipe.model_dump(mode="json")


def repeated(command, folder):
    """Return the recipe that a command on the page describes, with the folder that it had."""
    _, _, name, *settings = shlex.split(command.strip("`"))
    return load_recipe(name, [word.replace("FOLDER", folder) for word in settings])


@pytest.mark.parametrize("name", RECIPES)
def test_the_command_of_a_kept_run_leads_to_its_recipe(name):
    ran = recipe_of(name, RECIPES[name])
    found = repeated(made_by(RECIPES[name]), ran.data.dir or "")
    assert found.model_dump(exclude=NOT_SAID) == ran.model_dump(exclude=NOT_SAID)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("quickstart", {"method": {"kind": "full"}}),
        ("methods/full", {"method": {"kind": "lora", "r": 4, "rank_pattern": {"a.0": 2}}}),
        ("quickstart", {"method.target_modules": r".*\.(q|k)_proj", "training.epsilon": 1e-10}),
        ("quickstart", {"data.text": "null", "data.label": " 'is'\n[it]"}),
        ("quickstart", {"training.max_grad_norm": None, "training.score_untuned": True}),
        ("text", {"base": "a model", "data.train": "1", "data.limit.train": 7}),
        ("word_problems_prompted", {"method.examples.kind": "similar", "method.examples.k": 3}),
        ("film_reviews_dpo", {"task.loss": {"kind": "ipo"}}),
        ("cola_student", {"base": "smollm2-135m", "method": {"kind": "lora"}}),
        (
            "sweeps/rotten_tomatoes_alpha",
            {"sweep.values": {"method.r": [2, 4]}, "sweep.seeds": [5]},
        ),
    ],
)
def test_a_command_says_what_was_changed_and_means_it(name, changes):
    changed = load_recipe(name, changes)
    command = made_by(plain(changed))
    assert repeated(command, "data") == changed
    assert len(shlex.split(command)) == 3 + len(changes)


def test_what_is_as_in_the_recipe_or_of_the_machine_is_not_said():
    kept = plain(load_recipe("cola", ["seed=7", "training.threads=3", "training.device=cuda"]))
    kept["task"]["labels"] = ["unacceptable", "acceptable"]  # as a run's recipe has them
    assert made_by(kept) == "`loratory train cola`"


def test_a_recipe_that_was_kept_before_a_key_was_known_has_its_default():
    kept = plain(load_recipe("cola", ["method.r=16"]))
    del kept["training"]["order"]
    assert made_by(kept) == "`loratory train cola method.r=16`"


def test_a_folder_of_the_machine_is_not_shown():
    kept = plain(load_recipe("cola", ["data.dir=my/sets"]))
    assert made_by(kept) == "`loratory train cola data.dir=FOLDER`"


def test_what_cannot_be_repeated_is_said():
    assert made_by({}) == "a recipe that was not kept"
    kept = plain(load_recipe("cola", ["name=mine"]))
    assert made_by(kept) == "a recipe that does not come with Loratory"
