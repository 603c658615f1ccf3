"""Recipes to test with: the least one, and ways to write, load and refuse another."""

from typing import Annotated, Literal

import pytest
from pydantic import Discriminator, Tag

from loratory.errors import ConfigError
from loratory.recipe.known_keys import keys_of_schema
from loratory.recipe.load import load_recipe
from loratory.recipe.section import Section, Whole, kind_or

LEAST = "base: gpt2\ndata: {name: cola}\n"


class Greedy(Section):
    kind: Literal["greedy"] = "greedy"


class Beam(Section):
    kind: Literal["beam"] = "beam"
    beam: Whole = 4


Search = Annotated[
    Annotated[Beam, Tag("beam")] | Annotated[Greedy, Tag("greedy")], Discriminator(kind_or("beam"))
]


class Write(Section):
    kind: Literal["write"] = "write"
    write: Search = Beam()
    others: tuple[Search, ...] = ()
    last: Search | None = None


class Pick(Section):
    kind: Literal["pick"] = "pick"


class Job(Section):
    task: Annotated[
        Annotated[Pick, Tag("pick")] | Annotated[Write, Tag("write")],
        Discriminator(kind_or("pick")),
    ] = Pick()


@pytest.fixture
def kinds_within_kinds(monkeypatch):
    """Make the known keys those of a section whose kinds hold sections of kinds; return it."""
    keys = keys_of_schema(Job.model_json_schema())
    monkeypatch.setattr("loratory.recipe.known_keys.known_keys", lambda: keys)
    return Job


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
