"""Names of shipped recipes and paths of others; and what every shipped recipe says."""

from itertools import takewhile
from pathlib import Path

import pytest

from benchmarks.results import PUBLISHED
from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe
from loratory.recipe.shipped import recipe_file, shipped_recipes

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def refusal_of(source):
    with pytest.raises(ConfigError) as caught:
        recipe_file(source)
    return caught.value


def test_the_package_ships_every_recipe_of_the_repository():
    found = {
        path.relative_to(RECIPES).with_suffix("").as_posix() for path in RECIPES.rglob("*.yaml")
    }
    assert {"quickstart", "cola", "query_wellformedness"} <= found
    assert shipped_recipes().keys() == found


def test_a_name_is_a_shipped_recipe_whatever_lies_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()
    assert recipe_file("quickstart") == shipped_recipes()["quickstart"]
    assert recipe_file(Path("quickstart")) == Path("quickstart")


def test_everything_else_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    assert recipe_file("mine.yaml") == Path("mine.yaml")
    assert recipe_file(str(tmp_path / "mine.yaml")) == tmp_path / "mine.yaml"


@pytest.mark.parametrize(
    "name", ["quickstrat", "quick_start", "quickstart.yaml", "no/quickstart.yml"]
)
def test_an_unknown_name_is_answered_with_the_nearest(name):
    error = refusal_of(name)
    assert error.code == "CFG-FILE"
    assert error.fix == "did you mean quickstart?"


def test_a_misspelt_path_is_answered_with_the_files_beside_it(tmp_path):
    (tmp_path / "sentiment.yaml").touch()
    assert str(tmp_path / "sentiment.yaml") in refusal_of(tmp_path / "sentimant.yaml").fix


@pytest.mark.parametrize("name", ["zzz", "x" * 5000, "a\0b", "/no/such/folder/zzz.yaml"])
def test_what_is_near_nothing_gets_the_names_there_are(name):
    assert all(known in refusal_of(name).fix for known in shipped_recipes())


def comment_of(name):
    """Return the comment at the top of a recipe's file, as one line."""
    lines = shipped_recipes()[name].read_text(encoding="utf-8").splitlines()
    head = takewhile(lambda line: line.startswith("#"), lines)
    return " ".join(line.removeprefix("# ") for line in head)


def test_there_are_recipes_for_every_task_and_in_each_folder():
    names = shipped_recipes()
    assert len(names) >= 20
    kinds = {load_recipe(name).task.kind for name in names}
    assert kinds >= {"classify", "label_words", "span_qa", "written_qa", "text", "word_problem"}
    folders = {name.rpartition("/")[0] for name in names}
    assert folders == {"", "published", "instructions", "methods", "sweeps"}


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_shipped_recipe_loads_by_name_and_begins_with_what_it_is(name):
    recipe = load_recipe(name)
    assert recipe.name == name.rpartition("/")[2]
    assert len(comment_of(name)) > 80


def test_no_two_shipped_recipes_make_runs_of_one_name():
    names = [name.rpartition("/")[2] for name in shipped_recipes()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [n for n in shipped_recipes() if n.startswith("published/")])
def test_a_published_experiment_names_itself_and_its_figures(name):
    comment = comment_of(name)
    assert comment.startswith("Experiment: ")
    assert "Published figure" in comment
    for figure in PUBLISHED[name.removeprefix("published/")]:
        assert f"{figure.value:g}" in comment
    # What was published is GPT-2's; a recipe with another base says so, and how to have GPT-2.
    assert load_recipe(name).base.startswith("gpt2") or "as published: base=gpt2" in comment


@pytest.mark.parametrize("name", [n for n in shipped_recipes() if load_recipe(n).data.name])
def test_base_folder_and_rows_of_a_shipped_recipe_can_be_given(name):
    given = {"base": "other", "data.dir": "folder", "data.limit.train": 10}
    recipe = load_recipe(name, given)
    assert (recipe.base, recipe.data.dir, recipe.data.limit.train) == ("other", "folder", 10)


def test_instructions_differ_in_the_instruction_alone():
    names = [name for name in shipped_recipes() if name.startswith("instructions/")]
    recipes = [load_recipe(name) for name in names]
    templates = {recipe.task.template for recipe in recipes}
    assert len(templates) == len(names) == 5
    assert all("{text}" in template and template[-1] != " " for template in templates)
    same = {"name": None, "task": load_recipe("instructions/instruction-full").task}
    assert len({recipe.model_copy(update=same).model_dump_json() for recipe in recipes}) == 1
    words = {(recipe.task.labels, recipe.task.words) for recipe in recipes}
    assert words == {(("negative", "positive"), ("negative", "positive"))}
