"""What a search keeps of itself: its recipe, its time and its rounds."""

import json

import pytest

from loratory.errors import RunError
from loratory.experiments.search_folder import Progress, SearchFolder
from loratory.recipe.load import load_recipe


@pytest.fixture
def folder(film_recipe, tmp_path):
    folder = SearchFolder.create(load_recipe(film_recipe), out=tmp_path / "search")
    folder.begin(load_recipe(film_recipe), Progress(folder.progress, 60.0, 10.0))
    return folder


def test_what_is_spent_and_begun_is_read_back(folder, film_recipe):
    _, progress = folder.begun()
    progress.begin("methods", 20, 5.0)
    sweep = folder.round(1, "methods")
    sweep.mkdir()
    (sweep / "sweep.yaml").touch()
    recipe, again = SearchFolder.open(folder.path).begun()
    assert recipe == load_recipe(film_recipe)
    assert again.rounds == progress.rounds
    assert again.rounds[0].ends == pytest.approx(again.spent + 5.0, abs=1.0)
    assert again.left == pytest.approx(50.0, abs=1.0)


def test_a_round_whose_sweep_a_kill_kept_from_beginning_is_not_begun(folder):
    _, progress = folder.begun()
    progress.begin("methods", 20, 5.0)
    folder.round(1, "methods").mkdir()
    _, again = folder.begun()
    assert again.rounds == ()
    assert not folder.round(1, "methods").exists()


@pytest.mark.parametrize("told", [{}, [], {"budget": 1, "spent": 0, "rounds": [{"rank": 1}]}])
def test_progress_that_says_something_else_is_refused(folder, told):
    folder.progress.write_text(json.dumps(told))
    with pytest.raises(RunError, match=r"RUN-FILE.*search\.json"):
        Progress.read(folder.progress)
