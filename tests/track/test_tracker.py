"""A tracker whose package is not there is refused with the command that installs it."""

import pytest

from loratory import pipeline
from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe
from loratory.track import tracker
from loratory.track.tracker import how_to_look, require_installed


@pytest.mark.parametrize("kind", ["wandb", "tensorboard", "mlflow"])
def test_it_is_refused_before_anything_is_written(kind, film_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(tracker, "find_spec", lambda name: None if name == kind else name)
    recipe = load_recipe(film_recipe, {"track.to": [kind]})
    fix = rf"(?s)CFG-TRACK.*pip install 'loratory\[{kind}\]'"
    with pytest.raises(ConfigError, match=fix):
        pipeline.train(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_none_needs_nothing():
    require_installed([])


def test_how_to_look_names_the_folder(tmp_path):
    for kind in ("wandb", "tensorboard", "mlflow"):
        assert str(tmp_path) in how_to_look(kind, tmp_path)
