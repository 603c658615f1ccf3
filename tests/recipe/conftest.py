"""Recipes to test with: the least one, and ways to write, load and refuse another."""

import pytest

from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe

LEAST = "base: gpt2\ndata: {name: cola}\n"


@pytest.fixture
def recipe_path(tmp_path):
    """Return a function that writes text or bytes as recipe.yaml and returns its path."""

    def write(content):
        path = tmp_path / "recipe.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def loaded(recipe_path):
    """Return a function that loads the least recipe with further lines and overrides."""
    return lambda more="", *overrides: load_recipe(recipe_path(LEAST + more), overrides)


@pytest.fixture
def refusal(recipe_path):
    """Return a function that returns the error of a recipe, the least with `more` or `text`."""

    def error_of(more="", *overrides, text=None):
        with pytest.raises(ConfigError) as caught:
            load_recipe(recipe_path(LEAST + more if text is None else text), overrides)
        return caught.value

    return error_of
