"""`loratory search`: from a file to the recipe where it begins, and what it refuses."""

from loratory.cli.search import _recipe


def test_a_file_of_two_columns_needs_no_recipe(films):
    recipe = _recipe(str(films / "train.csv"), text=None, label=None, base="gpt2")
    assert (recipe.data.text, recipe.data.label, recipe.base) == ("text", "label", "gpt2")
    assert recipe.data.train == str(films / "train.csv")
    assert recipe.data.holdout.validation == 0.2
    assert recipe.name == "train"


def test_a_recipe_can_stand_in_its_place_and_names_its_own_columns(film_recipe, loratory):
    assert _recipe(str(film_recipe), text=None, label=None, base=None).training.epochs == 2
    assert "error[CFG-USAGE]" in loratory("search", film_recipe, "--text", "text").err


def test_what_cannot_be_searched_is_refused(loratory, tmp_path):
    assert "error[DATA-FILE]" in loratory("search", tmp_path / "none.csv").err
    (tmp_path / "three.csv").write_text("a,b,c\n1,2,3\n")
    ran = loratory("search", tmp_path / "three.csv")
    assert "error[DATA-COL]" in ran.err
    assert ran.code == 3
    assert "error[CFG-USAGE]" in loratory("search", tmp_path / "three.csv", "--budget", "x").err


def test_a_search_goes_on_in_its_folder_alone(loratory, tmp_path):
    for given in ([], ["x.csv", "--resume", tmp_path], ["--resume", tmp_path, "--budget", "1m"]):
        assert "error[CFG-USAGE]" in loratory("search", *given).err
    ran = loratory("search", "--resume", tmp_path)
    assert "error[RUN-FOLDER]: not a search" in ran.err
    assert ran.code == 4
