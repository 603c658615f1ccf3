"""Sweeps of tiny runs: 6 steps with a look at the validation rows after every second one."""

import pytest

from loratory.experiments.sweep import sweep
from loratory.recipe.load import load_recipe

# The first changes the base when it begins, the second while it trains; the third must see neither.
POINTS = """
  kind: points
  points:
    - {method: {kind: lora, r: 2, init_lora_weights: pissa}}
    - {method: {kind: full}, training.learning_rate: 1.0e-3}
    - {method.r: 2}
"""


@pytest.fixture(scope="session")
def sweep_recipe(film_recipe, tmp_path_factory):
    """Return a function that writes a recipe of short runs with a sweep section, and returns it."""
    folder = tmp_path_factory.mktemp("sweep-recipes")

    def write(section, name="films"):
        path = folder / f"{name}.yaml"
        short = film_recipe.read_text().replace("epochs: 2", "epochs: 1")
        path.write_text(f"{short}sweep:\n{section}")
        return path

    return write


@pytest.fixture(scope="session")
def film_sweep(sweep_recipe, tmp_path_factory):
    """Return a finished sweep of three methods; tests that change its folder take a copy."""
    return sweep(load_recipe(sweep_recipe(POINTS)), out=tmp_path_factory.mktemp("sweep") / "sweep")
