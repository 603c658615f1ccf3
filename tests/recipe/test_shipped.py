"""Names of shipped recipes and paths of others."""

from pathlib import Path

import pytest

from loratory.errors import ConfigError
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
